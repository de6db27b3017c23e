#!/usr/bin/env bash
# A filter of system calls that keeps a program from working although docs/design.md says that the library
# does without the calls it refuses, or that kills one for a call which is not listed there.
# usage: filters.sh DESIGN_MD FILTERS RANDOM READS
# shellcheck disable=SC2016 # the dollars are for awk
set -euo pipefail

design=$1 filters=$2 random=$3 reads=$4

# The rows of the table: call, needed or optional, the option that does without it.
table=$(sed -n '/^## What it asks/,$p' "$design" |
    awk -F ' *[|] *' '/^\| `/ { gsub("`", ""); print $2 "," $4 "," $5 }')
select_calls() { # AWK_CONDITION
    awk -F , "$1 { printf \"%s \", \$1 }" <<<"$table"
}
(($(wc -l <<<"$table") >= 18)) || { echo "too few calls found in $design"; exit 1; }

# glibc itself aborts where munmap is refused, once the threads that ended have left 40 MiB of stacks.
ulimit -s 1024
# Without files no program starts, so those calls are refused to none here, nor is what this machine's
# loader asks for besides (fstat, in some releases of glibc).
starts() { # CALL: whether a program does without it, or there is no filter at all
    "$filters" refuse "$1" /bin/true >/dev/null 2>&1 || [[ $? -eq 77 ]]
}
optional=
for call in $(select_calls '$2 == "optional" && $1 !~ /^(openat|pread64|close)$/'); do
    ! starts "$call" || optional+="$call "
done
[[ $optional ]] || { echo 'no call can be refused here'; exit 1; }

program=("$random")
refuse() { # CALLS [NAME=VALUE...]
    env "${@:2}" LD_PRELOAD="$ZP_LIBRARY" ZP_TEST_STEPS=40 "$filters" refuse "$1" "${program[@]}" \
        >"$said" 2>&1 && return
    local status=$?
    cat "$said"
    [[ $status -eq 77 ]] && exit 77
    echo "^ status $status, refused: $*"
    exit 1
}

allow() { # CALLS [NAME=VALUE...]
    [[ $(env "${@:2}" LD_PRELOAD="$ZP_LIBRARY" "$filters" "${how:-kill}" "$1") == worked ]] && return
    echo "^ allowed: $*"
    exit 1
}

said=$(mktemp)
trap 'rm -f "$said"' EXIT

for call in $optional; do
    refuse "$call"
done
refuse "$optional"
refuse "$optional" ZEROPOOL_ZERO=background ZEROPOOL_PREWARM=3M*4
refuse "$optional" ZEROPOOL_ZERO=off
# What containers refuse as well: to ask about processors and memory nodes.
refuse 'mbind set_mempolicy get_mempolicy getcpu sched_getaffinity'

# Shared reads, by a program that makes none of these calls itself (pthread_cancel needs rt_sigaction).
program=("$reads" answers)
shared=$(select_calls '$3 == "ZEROPOOL_READ=off" && $1 != "rt_sigaction"')
for call in $shared; do
    refuse "$call" ZEROPOOL_READ=parallel
done
refuse "$shared" ZEROPOOL_READ=parallel

all=$(select_calls 1)
mapfile -t without < <(awk -F , '$3 != "" { print $3 }' <<<"$table" | sort -u)
allow "$all"
allow "$all" ZEROPOOL_ZERO=background ZEROPOOL_PREWARM=3M*4
allow "$all" ZEROPOOL_ZERO=off
allow "$all" ZEROPOOL_READ=parallel
allow "$(select_calls '$3 == ""')" "${without[@]}"

# What any malloc needs is enough where the library has heard of the filter.
malloc='mmap munmap mremap mprotect madvise(MADV_DONTNEED) madvise(MADV_FREE)'
for option in ZERO=free ZERO=background ZERO=off CHECK=full MIN_SIZE=64K PREWARM=3M*4 PREWARM=learn READ=parallel; do
    how=announce allow "$malloc" "ZEROPOOL_$option"
done
how=by-number allow "$malloc"

# A filter that lets too little through does end it: the test can fail.
if env LD_PRELOAD="$ZP_LIBRARY" "$filters" kill 'mmap munmap' >"$said" 2>&1; then
    echo 'the filter is none'
    exit 1
fi
