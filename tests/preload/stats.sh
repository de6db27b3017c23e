#!/usr/bin/env bash
# A report whose numbers are wrong, that does not come, or that lands in a file of the program's.
# usage: stats.sh KNOWN_NUMBERS OWN_MALLOC
set -euo pipefail

known=$1 own=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run() {
    env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_STATS=exit ZEROPOOL_TLS_CACHE=4 ZEROPOOL_MAX_MEMORY=1G ZEROPOOL_DECAY_MS=-1 "$@"
}

expect_page() { # FILE: the known program's report, and nothing else
    local line
    [[ $(grep -c ^zeropool "$1") == 1 ]]
    while read -r line; do
        sed -E 's/^ +//' "$1" | grep -qxF -- "$line" || {
            cat "$1"
            echo "not there: $line"
            exit 1
        }
    done <<'LINES'
large requests       33, 64.0 MiB
thread cache       4 (12.1 %)
shard              12 (36.3 %)
fresh memory       16 (48.4 %)
passed to jemalloc 1 (3.0 %)
hit rate             50.0 %
still held           0.0 B in 0 buffers
retained             32.0 MiB now, 32.0 MiB at most
LINES
}

run "$known" 2>"$work/open"
expect_page "$work/open"

# stderr closed, or its number given to another file, by the program or before it.
run "$known" close 2>"$work/closed"
expect_page "$work/closed"
run "$known" reopen "$work/other" 2>"$work/reopened"
expect_page "$work/reopened"
run "$known" reopen "$work/another" 2>&-
for file in other another; do
    if [[ -s $work/$file ]]; then
        echo "the report went into a file of the program's"
        exit 1
    fi
done

run "$own" 2>"$work/own" >"$work/stdout"
[[ $(cat "$work/stdout") == 'no allocator needed' ]]
grep -q 'nothing was intercepted: the program brings its own allocator' "$work/own"

env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_STATS=exit ls / 2>"$work/small" >/dev/null
grep -q 'the pool never started' "$work/small"

# Without being asked for, there is none.
env LD_PRELOAD="$ZP_LIBRARY" "$known" 2>"$work/silent"
[[ ! -s $work/silent ]]
