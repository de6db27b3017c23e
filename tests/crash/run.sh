#!/usr/bin/env bash
# A corruption that is not stopped, or stopped with other words, other call stacks or another signal than
# promised.
# usage: run.sh PROGRAM ARGUMENTS... What the program prints on stdout says what must happen (crash.h): the first line
# of stderr, functions of the two stacks, and the signal. If it prints nothing, it must end well and
# silently.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ulimit -c 0

status=0
LD_PRELOAD=$ZP_LIBRARY "$@" >"$work/expected" 2>"$work/stderr" || status=$?
# A word about options that give way comes before all else.
sed -i '/^zeropool: ZEROPOOL_CHECK=full looks at freed buffers again; using /d' "$work/stderr"

fail() {
    echo "$*; stderr:"
    cat "$work/stderr"
    exit 1
}

if [[ ! -s $work/expected ]]; then
    [[ $status -eq 0 && ! -s $work/stderr ]] || fail "ended with $status, not well and silently"
    exit 0
fi

stack() { # TITLE: the functions of the stack below it
    awk -v title="zeropool: $1:" '!/^zeropool:   #/ { wanted = $0 == title; next }
        wanted { sub(/\+0x.*/, "", $4); print $4 }' "$work/stderr"
}

signal=6
while read -r line; do
    case $line in
        'zeropool: '*) diff <(echo "$line") <(head -1 "$work/stderr") || fail 'another message' ;;
        'at '*) stack at | grep -qx "${line#at }" || fail "not $line" ;;
        'freed at '*) stack 'freed at' | grep -qx "${line#freed at }" || fail "not $line" ;;
        'signal '*) signal=${line#signal } ;;
        *) fail "not understood: $line" ;;
    esac
done <"$work/expected"
[[ $status -eq $((128 + signal)) ]] || fail "exit status $status, not $((128 + signal))"
if tail -n +2 "$work/stderr" | grep -vE '^zeropool: (at|freed at):$|^zeropool:   #[0-9]+ 0x[0-9a-f]+ '; then
    fail 'more than the stacks'
fi
