#!/usr/bin/env bash
# stress-ng: allocations, forks, threads and mappings in numbers no program reaches, and memory that it fills
# and verifies.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v stress-ng >/dev/null || { echo 'skipped: no stress-ng here'; exit 77; }
much=$((${ZP_SOAK:-0} ? 10 : 1))

# NAME OPTIONS...: each ends by itself, after a number of operations.
stress() {
    local status=0
    LD_PRELOAD=$ZP_LIBRARY ZEROPOOL_VERBOSE=1 timeout 600 stress-ng --temp-path "$work" --seed "${ZP_TEST_SEED:-1}" \
        --verify --oomable "${@:2}" >"$work/log" 2>&1 || status=$?
    if [[ $status != 0 ]] || grep -E 'zeropool: fatal|fail:|terminated by signal|SIGSEGV' "$work/log"; then
        cat "$work/log"
        echo "$1: status $status"
        exit 1
    fi
    cat "$work/log" >>"$work/all"
}

stress malloc --malloc 2 --malloc-ops $((3000 * much)) --malloc-bytes 8m --malloc-max 50 --malloc-pthreads 2 --malloc-touch
stress bigheap --bigheap 1 --bigheap-ops $((200 * much)) --bigheap-growth 1m
grep -q 'pool started' "$work/all" || { echo 'made no large request'; exit 1; }
stress vm --vm 2 --vm-ops $((2000 * much)) --vm-bytes 64m --vm-method all
stress zlib --zlib 2 --zlib-ops $((10 * much))
stress mappings --mmap 1 --mmap-ops $((2 * much)) --mmap-bytes 32m --mremap 1 --mremap-ops $((20 * much)) --mremap-bytes 16m
stress locks --mlock 1 --mlock-ops $((200 * much)) --madvise 1 --madvise-ops $((20 * much)) --mprotect 1 --mprotect-ops $((200 * much))
stress processes --fork 2 --fork-ops $((500 * much)) --vfork 1 --vfork-ops $((500 * much)) --daemon 1 --daemon-ops $((50 * much))
stress threads --pthread 1 --pthread-ops $((100 * much)) --pthread-max 128 --clone 1 --clone-ops $((100 * much))
# Not --brk: with any allocator that leaves the heap of brk alone its children crash at once, for ever.
