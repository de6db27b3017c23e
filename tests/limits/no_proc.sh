#!/usr/bin/env bash
# A library that needs /proc or /sys to be there, or says something when they are not.
# usage: no_proc.sh RANDOM
set -euo pipefail

random=$(realpath "$1")
skip() {
    echo "skipped: $1"
    exit 77
}
command -v bwrap >/dev/null || skip 'no bwrap here'
bwrap --ro-bind / / true 2>/dev/null || skip 'bwrap is not allowed here'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python='
data = [bytes(3_000_000) for _ in range(20)]
print(sum(map(len, data)), sum(data[7]))'

without() { # WHAT BWRAP_OPTION...
    local inside=(bwrap --ro-bind / / --tmpfs /tmp "${@:2}" --ro-bind "${ZP_LIBRARY%/*}" /tmp/library
        --ro-bind "$random" /tmp/random --setenv LD_PRELOAD "/tmp/library/${ZP_LIBRARY##*/}"
        --setenv ZP_TEST_STEPS 200)
    local status=0
    {
        "${inside[@]}" ls / &&
            "${inside[@]}" --setenv ZEROPOOL_STATS exit /usr/bin/python3 -c "$python" &&
            "${inside[@]}" --setenv ZEROPOOL_ZERO background /tmp/random &&
            "${inside[@]}" /tmp/random
    } >"$work/out" 2>"$work/err" || status=$?
    if ((status != 0)) || ! grep -qx '60000000 0' "$work/out" ||
        ! grep -q '^ *large requests  *[1-9]' "$work/err" || grep -q 'zeropool: ' "$work/err"; then
        cat "$work/out" "$work/err"
        echo "^ without $1: status $status"
        exit 1
    fi
}

without /proc --tmpfs /proc
without /sys --tmpfs /sys
without either --tmpfs /proc --tmpfs /sys
without 'anything of the machine' --tmpfs /proc --tmpfs /sys --dev /dev --unshare-all
