#!/usr/bin/env bash
# zeropool doctor that finds what is not there, or does not find what is. Machines are folders of files.
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"

put() { # FILE TEXT
    mkdir -p "$(dirname "$work/root/$1")"
    printf '%s\n' "$2" >"$work/root/$1"
}
huge=sys/kernel/mm/transparent_hugepage
begin() {
    rm -rf "$work/root"
    put proc/meminfo $'MemTotal:       16777216 kB\nMemFree:        8388608 kB\nMemAvailable:   12582912 kB'
    put proc/sys/vm/overcommit_memory 0
    put proc/sys/vm/max_map_count 65530
    put proc/pressure/memory 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0'
    put $huge/enabled 'always [madvise] never'
    put $huge/defrag 'always defer defer+madvise [madvise] never'
}
is() { # NAME LEVEL [TEXT]: what is found of the machine
    ends "${status:-0}" "$zeropool" doctor --json --root "$work/root"
    holds "[f for f in it if f['name'] == '$1'][0]['level'] == '$2'"
    [[ -z ${3:-} ]] || says "$3"
}

begin
is huge_pages ok
for name in huge_pages_defrag overcommit mappings memory_pressure numa_nodes free_page_reporting; do is $name ok; done
put $huge/enabled 'always madvise [never]'
is huge_pages costs '512 page faults'
rm "$work/root/$huge/enabled"
is huge_pages costs 'the kernel has none'
put $huge/defrag '[always] defer defer+madvise madvise never'
is huge_pages_defrag note 'may wait'
put proc/sys/vm/overcommit_memory 2
is overcommit costs strict
put proc/sys/vm/max_map_count 1000
is mappings costs 1000
put proc/pressure/memory 'some avg10=9.00 avg60=7.50 avg300=5.00 total=99'
is memory_pressure costs '7.5 %'
rm "$work/root/proc/pressure/memory"
is memory_pressure note
nodes=sys/devices/system/node
put $nodes/online 0-3
put $nodes/has_memory 0,2
put $nodes/node0/cpulist 0-8191
is numa_nodes ok '4 nodes, and CPUs of 1'
put $nodes/node2/cpulist 0-8191
is numa_nodes note numactl
is shards ok 'in force; the table for up to 4, 8, 16, 32, 64, 128 CPUs: 4, 8, 8, 16, 32, 64'
is per_shard ok '16, 16, 32, 64, 64, 64'
is thread_cache ok '8 in force; the table for up to 4, 8, 16, 32, 64, 128 CPUs: 4, 6, 6, 8, 8, 8'
ZEROPOOL_TLS_CACHE=3 is thread_cache ok '3 in force'
ZEROPOOL_SHARDS=2 ZEROPOOL_MAX_PER_SHARD=77 is per_shard ok '77 in force'
put sys/bus/virtio/devices/virtio0/device 0x0005
put sys/bus/virtio/devices/virtio0/features 000001000000000000000000000000001000000000000000000000000000000
is free_page_reporting note 'takes free memory back'
put sys/bus/virtio/devices/virtio0/features 000000000000000000000000000000001000000000000000000000000000000
is free_page_reporting ok

# ---- A memory group with a limit, and one that is slowed down
put proc/self/cgroup 0::/job
put proc/self/mountinfo '30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw'
put sys/fs/cgroup/cgroup.controllers 'memory cpu'
put sys/fs/cgroup/job/memory.max 268435456
put sys/fs/cgroup/job/memory.current 1048576
put sys/fs/cgroup/job/memory.high max
is memory costs '256.0 MiB (limit of the memory group)'
is memory_group ok 'memory.max: 268435456'
put sys/fs/cgroup/job/memory.high 134217728
is memory_group costs memory.high

# ---- This machine: text, the library, options, limits of this process
begin
ends 0 "$zeropool" doctor
says "$ZP_LIBRARY"
! grep -nE '^.{200}' "$work/out" || broken "lines that are too long"
ends 0 "$zeropool" doctor --json
holds 'all(set(f) == {"name", "level", "found", "cost", "advice"} for f in it) and len(it) > 15'
holds 'all(f["level"] in ("ok", "note", "costs", "prevents") for f in it)'
holds 'all(f["cost"] for f in it if f["level"] == "costs")'
ZEROPOOL_ZERO=maybe ends 0 "$zeropool" doctor
says 'the value is not valid'
ZEROPOOL_NONSENSE=1 ends 0 "$zeropool" doctor
says 'there is no such option'
ends 0 env ZEROPOOL_CHECK=full ZEROPOOL_ZERO=off "$zeropool" doctor
says 'ZEROPOOL_ZERO does not go with ZEROPOOL_CHECK=full; free is used'
mkdir "$work/alone"
cp "$zeropool" "$work/alone"
if ! "$work/alone/zeropool" version | grep -q '; library'; then
    ends 1 "$work/alone/zeropool" doctor
    says 'does not work like this'
fi
# What doctor says of the limit on addresses is what the library does.
(
    ulimit -v 8000000
    ends 1 "$zeropool" doctor
    says 'limited to 7.6 GiB'
    ends 0 "$zeropool" run --prewarm 2M -- true
    warns 'no address space for the pool'
)
