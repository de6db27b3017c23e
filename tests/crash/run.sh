#!/usr/bin/env bash
# A wrong free that is not stopped, or stopped with other words or another signal than promised.
# usage: run.sh PROGRAM. What the program prints on stdout is what stderr must say before SIGABRT;
# if it prints nothing, it must end well and silently.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ulimit -c 0

status=0
LD_PRELOAD=$ZP_LIBRARY "$1" >"$work/expected" 2>"$work/stderr" || status=$?
if [[ -s $work/expected ]]; then wanted=134; else wanted=0; fi

diff "$work/expected" "$work/stderr"
if ((status != wanted)); then
    echo "exit status $status, not $wanted"
    exit 1
fi
