#!/usr/bin/env bash
# A program in a memory group that is full, or whose limit is lowered, killed for memory that only waits in
# the pool.
# usage: full_group.sh FULL_GROUP
set -euo pipefail

program=$1
# shellcheck source=tests/preload/cgroup.sh disable=SC1091
. "$(dirname "$0")/../preload/cgroup.sh"
make_group $((400 * 1024 * 1024))

survives() { # CASE [NAME=VALUE...]
    local said
    said=$(in_group env LD_PRELOAD="$ZP_LIBRARY" "${@:2}" "$program" "$1" "${limit:?}") || {
        echo "status $?: $*"
        exit 1
    }
    [[ $said == survived ]]
}

# Small pages are marked as the kernel's to take only when they have been idle for a second, so what
# this program does is survived in huge pages alone.
if grep -qF '[never]' /sys/kernel/mm/transparent_hugepage/enabled; then
    skip 'no huge pages here'
fi
survives full ZEROPOOL_THP=on
survives full ZEROPOOL_THP=on ZEROPOOL_MAX_MEMORY=300M
survives full ZEROPOOL_THP=off ZEROPOOL_MAX_MEMORY=40M
survives lowered ZEROPOOL_THP=on ZEROPOOL_MAX_MEMORY=300M
