#!/usr/bin/env bash
# Probes that are not in the library, that a tracer cannot use, or that cost an instruction.
# usage: probes.sh SITES HAS_PROBES SOURCE_FOLDER
set -euo pipefail

sites=$1 source=$3
if [[ $2 != true ]]; then
    echo 'built without <sys/sdt.h> (package systemtap-sdt-dev): skipped'
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"; kill "${sleeper:-}" 2>/dev/null || true' EXIT

fail() {
    echo "$*"
    exit 1
}

names=(corruption evict get miss put read scrub)
readelf -n --wide "$ZP_LIBRARY" >"$work/notes"
found=$(awk '/Provider: zeropool/ { getline; print $2 }' "$work/notes" | sort -u | paste -sd' ')
[[ $found == "${names[*]}" ]] || fail "probes: $found"

# The instruction at a probe can be replaced by a trap: the kernel refuses those with a lock prefix.
awk '/Provider: zeropool/ { getline; getline; sub(/,/, "", $2); print $2 }' "$work/notes" | sort -u >"$work/places"
objdump -d --no-show-raw-insn "$ZP_LIBRARY" >"$work/code"
while read -r place; do
    instruction=$(grep -m1 -E "^ *$(printf '%x' "$place"):" "$work/code") || fail "no instruction begins at $place"
    ! grep -qE 'lock|nop|ud2|int3' <<<"$instruction" || fail "a probe at: $instruction"
done <"$work/places"

# gdb stops there and sees the values.
head -c 20M /dev/zero >"$work/read"
# shellcheck disable=SC2016
if command -v gdb >/dev/null; then # $_probe_arg0 is gdb's
    gdb -q -batch -iex 'set debuginfod enabled off' -ex 'set breakpoint pending on' -ex 'set startup-with-shell off' \
        -ex "set environment LD_PRELOAD $ZP_LIBRARY" -ex 'break -probe-stap zeropool:miss' -ex run \
        -ex 'printf "missed %lu\n", $_probe_arg0' -ex 'info symbol $_probe_arg1' -ex 'delete' -ex 'break -probe-stap zeropool:put' -ex continue \
        -ex 'printf "put %lu\n", $_probe_arg1' -ex kill --args "$sites" "$work/read" >"$work/gdb" 2>&1 || true
    grep -qE '^missed 41[0-9]{5}$' "$work/gdb" || fail "$(tail -5 "$work/gdb")"
    grep -qE '^(fills|main) \+ [0-9]+ in section' "$work/gdb" || fail "who asked: $(tail -5 "$work/gdb")"
    grep -qE '^put 41[0-9]{5}$' "$work/gdb" || fail "$(tail -5 "$work/gdb")"
fi

# The scripts can be compiled for a process with the library. To attach them takes rights that a test may not have.
if command -v bpftrace >/dev/null && [[ $(id -u) == 0 ]]; then
    LD_PRELOAD=$ZP_LIBRARY sleep 100 &
    sleeper=$!
    while ! grep -q zeropool "/proc/$sleeper/maps"; do :; done
    for script in "$source"/examples/bpftrace/*.bt; do
        bpftrace -d -p "$sleeper" "$script" >"$work/compiled" 2>&1 || fail "$script: $(tail -3 "$work/compiled")"
        ! grep -qE 'No probes|syntax error|unexpected' "$work/compiled" || fail "$script: $(tail -1 "$work/compiled")"
    done
fi
