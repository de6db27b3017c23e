#!/usr/bin/env bash
# A program that crashes, hangs or leaves with another status because the library is taken down while its threads
# and handlers still use it; a report that does not come.
# usage: leave.sh LEAVE
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ulimit -c 0
rounds=2
[[ ${ZP_TEST_FULL:-} ]] && rounds=50

# leave WAY STATUS REPORT NAME=VALUE
leave() {
    local status=0 reports
    timeout 600 env LD_PRELOAD="$ZP_LIBRARY" "${@:4}" "$(realpath "$program")" "$1" 2>"$work/stderr" || status=$?
    reports=$(grep -c '^zeropool .*: leave (pid' "$work/stderr" || true)
    if [[ $status != "$2" || $reports != "$3" ]]; then
        echo "$*: status $status, $reports reports"
        cat "$work/stderr"
        exit 1
    fi
}

program=$1
for ((i = 0; i < rounds; i++)); do
    for zero in free background; do
        for way in exit return; do leave $way 3 1 ZEROPOOL_ZERO=$zero ZEROPOOL_STATS=exit ZEROPOOL_PREWARM=3M*9; done
        for way in quick_exit _exit exec; do leave $way 3 0 ZEROPOOL_ZERO=$zero ZEROPOOL_STATS=exit; done
        leave abort 134 0 ZEROPOOL_ZERO=$zero ZEROPOOL_STATS=exit
    done
    leave exit 3 1 ZEROPOOL_ZERO=off ZEROPOOL_STATS=exit
    leave exit 3 1 ZEROPOOL_TLS_CACHE=0 ZEROPOOL_STATS=exit ZEROPOOL_DECAY_MS=0
done
