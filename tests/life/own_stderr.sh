#!/usr/bin/env bash
# A message in a file of the program's that has the number of standard error, or none where standard
# error still is what it was.
# usage: own_stderr.sh OWN_STDERR
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run() {
    LD_PRELOAD=$ZP_LIBRARY "$@" "$work/file"
}

for what in limit fatal; do
    for how in closed replaced filtered; do
        run "$1" "$how" "$what" 2>"$work/stderr"
        [[ ! -s $work/stderr ]] || { echo "$how, $what:"; cat "$work/stderr"; exit 1; }
    done
    for how in kept moved; do
        run "$1" "$how" "$what" 2>"$work/stderr"
        [[ $what == limit ]] && line='no address space' || line='fatal: double free'
        grep -q "^zeropool: $line" "$work/stderr" || { echo "$how, $what: no line"; exit 1; }
    done
    # Closed before the program started: the number is the first file's that it opens.
    run "$1" closed "$what" 2>&-
done
