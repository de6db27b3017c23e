#!/usr/bin/env bash
# Programs that the library cannot or must not serve: linked statically, written in Go, set-user-ID. They work,
# and a set-user-ID program takes no orders from the environment of who started it.
# usage: outside.sh OUTSIDE OUTSIDE.C
set -euo pipefail

source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
program=$work/program library=$work/library.so # other users need not be allowed into the folder of the build
cp "$1" "$program"
cp "$ZP_LIBRARY" "$library"
chmod 755 "$program" "$library"

expect() { # WHAT OUTPUT: all that was said on both streams
    diff <(echo "$2") "$work/output" || {
        echo "^ $1"
        exit 1
    }
}

"${CC:-cc}" -fno-builtin -static "$source" -o "$work/static"
env LD_PRELOAD="$library" ZEROPOOL_STATS=exit "$work/static" >"$work/output" 2>&1
expect 'a static program' works

# A helper thread would be in the way of this.
env LD_PRELOAD="$library" ZEROPOOL_ZERO=free unshare -U true 2>"$work/output" ||
    grep -q 'not permitted' "$work/output" # as where the system does not let anybody

if command -v go >/dev/null; then # which is written in Go itself
    go version >"$work/without"
    env LD_PRELOAD="$library" ZEROPOOL_STATS=exit go version >"$work/output" 2>&1
    expect 'a Go program' "$(<"$work/without")"
fi

if [[ $(id -u) != 0 ]] || ! command -v setpriv >/dev/null; then
    echo "skipped: only root can make set-user-ID programs here"
    exit 77
fi
cp "$program" "$work/suid"
chmod 4755 "$work/suid"
as_other=(setpriv --reuid 65534 --clear-groups env ZEROPOOL_STATS=exit ZEROPOOL_VERBOSE=2 ZEROPOOL_NONSENSE=1)

"${as_other[@]}" LD_PRELOAD="$library" "$program" >"$work/output" 2>&1
grep -q 'large requests *5' "$work/output" || expect 'it does not work for the other user' 'a report'
# The dynamic linker does not take it by a path.
"${as_other[@]}" LD_PRELOAD="$library" "$work/suid" >"$work/output" 2>&1
expect 'a set-user-ID program' works

# It takes it from a trusted folder if the file has the bit too. Then nobody may tell it anything.
trusted=$(dirname "$(ldd "$program" | awk '$1 == "libc.so.6" { print $3 }')")
export work library trusted
mkdir "$work/over"
status=0
unshare -m true >"$work/output" 2>&1 || status=77 # as where the root is no mount
# shellcheck disable=SC2016 # for the inner shell
[[ $status == 77 ]] || unshare -m bash -ec '
    mount -t tmpfs none "$work/over" && mkdir "$work/over/up" "$work/over/work" || exit 77
    mount -t overlay overlay -o "lowerdir=$trusted,upperdir=$work/over/up,workdir=$work/over/work" "$trusted" || exit 77
    cp "$library" "$trusted/libzeropool_trusted.so" && chmod 4755 "$trusted/libzeropool_trusted.so"
    exec "$@" LD_PRELOAD=libzeropool_trusted.so "$work/suid"' bash "${as_other[@]}" >"$work/output" 2>&1 || status=$?
if [[ $status == 77 ]]; then
    echo "skipped: no private mount of a trusted folder: $(head -n 1 "$work/output")"
    exit 77
fi
expect 'a set-user-ID program with the library' works
