#!/usr/bin/env bash
# Programs in a memory group that are killed for what only their pools retain: in small pages, in the caches of
# threads, of processes that sleep and make no request any more.
# usage: crowded_group.sh CROWDED_GROUP
set -euo pipefail

program=$1
# shellcheck source=tests/preload/cgroup.sh disable=SC1091
. "$(dirname "$0")/../preload/cgroup.sh"
make_group $((512 * 1000 * 1000))

survives() { # CASE [ARGUMENT] [NAME=VALUE...]
    local said case=("$1") status=0
    shift
    [[ $# -eq 0 || $1 == *=* ]] || { case+=("$1") && shift; }
    said=$(in_group env LD_PRELOAD="$ZP_LIBRARY" "$@" "$program" "${case[@]}") || status=$?
    [[ $status -eq 0 && $said == survived ]] && return
    echo "status $status: ${case[*]} $*"
    exit 1
}

for how in later at-once block; do
    survives small "$how"
done
for options in ZERO=off ZERO=background DECAY_BY=thread MAX_MEMORY=300M; do
    survives small at-once "ZEROPOOL_$options"
done
survives small later ZEROPOOL_TLS_BYTES=200M ZEROPOOL_TLS_CACHE=64
for options in ZERO=free ZERO=off ZERO=background THP=off; do
    survives workers "ZEROPOOL_$options"
    survives threads "ZEROPOOL_$options"
done
survives growing

# Without the marks it is killed: the test can fail.
status=0
in_group env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_RECLAIM=off ZEROPOOL_MAX_MEMORY=300M \
    "$program" small at-once 2>/dev/null || status=$?
if [[ $status != 137 ]]; then
    echo "status $status with ZEROPOOL_RECLAIM=off: the limit was no limit"
    exit 1
fi
