#!/usr/bin/env bash
# Under vm.overcommit_memory=2: memory that was freed and still counts as committed, or a pool that the
# kernel refuses. Changes the setting of the whole machine for a moment, so only as root.
# usage: overcommit.sh COMMITTED
set -euo pipefail

skip() {
    echo "skipped: $1"
    exit 77
}

committed=$(realpath "$1")
cd /proc/sys/vm
[[ -w overcommit_memory ]] || skip 'only root may change vm.overcommit_memory'
exec 9<overcommit_memory
flock 9 # one suite at a time
memory=$(<overcommit_memory)
ratio=$(<overcommit_ratio)
kbytes=$(<overcommit_kbytes)
[[ $memory == 0 && $kbytes == 0 ]] || skip 'the machine has settings of its own'

of_meminfo() { # in KiB
    awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo
}

restore() {
    echo 0 >overcommit_memory
    echo "$ratio" >overcommit_ratio
}

# So much that everything that runs has room for 8 GiB more.
wanted=$(($(of_meminfo Committed_AS) + 8 * 1024 * 1024))
percent=$((wanted * 100 / $(of_meminfo MemTotal) + 1))
trap restore EXIT INT TERM HUP
echo "$percent" 2>/dev/null >overcommit_ratio || skip 'overcommit_ratio cannot be set here'
(($(of_meminfo CommitLimit) >= wanted - 1024 * 1024)) || skip 'CommitLimit does not follow overcommit_ratio'
echo 2 2>/dev/null >overcommit_memory || skip 'overcommit_memory cannot be set here'

LD_PRELOAD=$ZP_LIBRARY "$committed"
LD_PRELOAD=$ZP_LIBRARY ls / >/dev/null
