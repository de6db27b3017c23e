#!/usr/bin/env bash
# A program that is killed for memory that only the pool has use for, or that gets buffers back that
# are not zero once the kernel has taken some of their pages.
# usage: reclaim.sh RECLAIM
set -euo pipefail

program=$1
# shellcheck source=cgroup.sh disable=SC1091
. "$(dirname "$0")/cgroup.sh"
make_group $((650 * 1000 * 1000))

run() { # [NAME=VALUE...] PROGRAM ARGUMENT
    in_group env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_MAX_MEMORY=600M ZEROPOOL_DECAY_MS=-1 "$@"
}

survives() {
    local said
    said=$(run "$@") || {
        echo "status $?: $*"
        exit 1
    }
    [[ $said == survived ]]
}

survives ZEROPOOL_THP=off "$program" idle
if grep -qF '[never]' /sys/kernel/mm/transparent_hugepage/enabled; then
    echo 'no huge pages here: marking them at once was not tested'
else
    survives ZEROPOOL_THP=on "$program" at-once
    survives ZEROPOOL_THP=on ZEROPOOL_EVICTION=lifo "$program" at-once
fi

# Without the marks it is killed: the test can fail.
status=0
run ZEROPOOL_RECLAIM=off "$program" at-once 2>/dev/null || status=$?
if [[ $status != 137 ]]; then
    echo "status $status with ZEROPOOL_RECLAIM=off: the limit was no limit"
    exit 1
fi
