#!/usr/bin/env bash
# Fails when a file includes from a later layer, or when a layer does what is not its job.
# usage: layers.sh SOURCE_FOLDER CORE_ARCHIVE
set -euo pipefail
cd "$1"
core_archive=$2

# Each folder, and each file of core, may include from those before it and from itself.
folders=(core config stats interface linked preload command tests bench)
core_files=(base probes processor libc syscall log os os_cpus os_files signals held spawn team stack fatal lock
    size_class zeros slot list stats readonly sampling timeline
    pools placement arena reserved spread profile pin commit survey usage stall budget quota scrub scrub_team content fill
    eviction eviction_lifo eviction_clockpro fit summary shard_set shard batch thread_cache scrub_queue quarantine
    reclaim retain
    thread trim decay prewarm peak
    get at_hand put resize
    depth parts read
    background helper
    pool pool_batch pool_own fork
    zeropool)

failures=0
complain() {
    echo "$*"
    failures=$((failures + 1))
}

position() { # of a word in the words that follow, or nothing
    local word=$1 i=0
    shift
    for candidate; do
        [[ $candidate == "$word" ]] && echo "$i" && return
        i=$((i + 1))
    done
}

# The files that a file includes, as paths from the top.
included() {
    local name
    sed -n 's/^ *# *include "\([^"]*\)".*/\1/p' "$1" | while read -r name; do
        case $name in
            */*) echo "$name" ;;
            *) echo "$(dirname "$1")/$name" ;;
        esac
    done
}

for folder in "${folders[@]}"; do
    while read -r file; do
        while read -r target; do
            there=$(position "${target%%/*}" "${folders[@]}")
            if [[ -z $there || $there -gt $(position "$folder" "${folders[@]}") ]]; then
                complain "$file includes $target, from a later layer"
            fi
        done < <(included "$file")
    done < <(find "$folder" -name '*.[ch]')
done

for file in core/*.[ch]; do
    own=$(position "$(basename "${file%.*}")" "${core_files[@]}")
    [[ -n $own ]] || complain "$file has no place in the order of core"
    while read -r target; do
        there=$(position "$(basename "${target%.*}")" "${core_files[@]}")
        if [[ -z $there || $there -gt ${own:-0} ]]; then
            complain "$file includes $target, which comes later in core"
        fi
    done < <(included "$file")
done

# The picture of the layers has the same files, the last of the order on top.
in_picture=$(sed -n '/^core\/$/,/^```/s/^    \([a-z_]*\) .*/\1/p' docs/design.md | tac | tr '\n' ' ')
[[ "$in_picture" == "${core_files[*]} " ]] || complain "docs/design.md has another order of core: $in_picture"

# What core calls: no malloc, no environment, no stdio, and the kernel's memory calls in os.c alone.
undefined=$(nm -A -u "$core_archive")
if grep -wE 'malloc|calloc|realloc|free|getenv|secure_getenv|environ|printf|fprintf|snprintf' \
    <<<"$undefined"; then
    complain "core must not call these"
fi
if grep -wE 'mmap|mmap64|munmap|mprotect|madvise|mremap|mincore' <<<"$undefined" | grep -v 'os\.c'; then
    complain "only core/os.c makes these calls"
fi

[[ $failures -eq 0 ]]
