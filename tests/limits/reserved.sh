#!/usr/bin/env bash
# Reserved huge pages that a program does not get, or that kill it when there are too few.
# usage: reserved.sh RESERVED RANDOM
set -euo pipefail

reserved=$1 random=$2
pages=/sys/kernel/mm/hugepages/hugepages-2048kB
[[ -w $pages/nr_hugepages ]] || { echo "skipped: only root can reserve huge pages"; exit 77; }
exec 9<$pages/nr_hugepages
flock 9 # one suite at a time
before=$(<$pages/nr_hugepages)
said=$(mktemp)
trap 'rm -f "$said"; echo "$before" >$pages/nr_hugepages' EXIT
trap 'exit 1' INT TERM HUP

have() { # PAGES: so many are free
    echo $((before + $1)) 2>/dev/null >$pages/nr_hugepages || true
    (($(<$pages/nr_hugepages) == before + $1)) && return
    echo "skipped: the kernel has no $1 huge pages to reserve"
    exit 77
}
run() { # PROGRAM ARGUMENT...
    env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_HUGETLB="${size:-2M}" ZEROPOOL_STATS=exit "$@" >"$said" 2>&1 && return
    local status=$?
    cat "$said"
    echo "^ status $status: $*"
    exit 1
}
too_few='reserved huge pages  too few'

have 12
if (($(<$pages/free_hugepages) - $(<$pages/resv_hugepages) < 12)); then
    echo "skipped: another program takes the huge pages"
    exit 77
fi
run "$reserved" use
! grep "$too_few" "$said" || { echo "^ said although there were enough"; exit 1; }
run "$reserved" fork
grep -q "$too_few" "$said" || { cat "$said"; echo "no word of too few pages"; exit 1; }
ZP_TEST_STEPS=40 run "$random"
size=1G run "$reserved" none # too small for them
have 0
run "$reserved" none
grep -q "$too_few; times a buffer got none: 1 " "$said" || { cat "$said"; echo "no word of no pages"; exit 1; }
