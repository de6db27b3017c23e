#!/usr/bin/env bash
# A core dump that holds the reserved addresses: its size and time are out of all proportion then.
# usage: gcore.sh HOLDER
set -euo pipefail

holder=$1
skip() {
    echo "skipped: $1"
    exit 77
}
command -v gdb >/dev/null || skip 'no gdb here'

work=$(mktemp -d)
pid=
finish() {
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# It says that it is ready, then waits for its input to end.
mkfifo "$work/in" "$work/out"
LD_PRELOAD=$ZP_LIBRARY "$holder" hold <"$work/in" >"$work/out" &
pid=$!
exec 3>"$work/in" 4<"$work/out"
read -r said <&4
[[ $said == ready ]]

timeout 600 gdb -nx -q -batch -ex "generate-core-file $work/core" -p "$pid" >"$work/said" 2>&1 ||
    { echo "gdb: status $?"; cat "$work/said"; exit 1; }
[[ -s $work/core ]] || {
    cat "$work/said"
    skip 'gdb may not look into processes here'
}
size=$(stat -c %s "$work/core")
if ((size < 16 * 1024 * 1024 || size > 100 * 1000 * 1000)); then
    echo "the dump of a program that has 24 MiB is $size bytes"
    exit 1
fi

exec 3>&-
wait "$pid"
pid=
