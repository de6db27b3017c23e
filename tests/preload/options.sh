#!/usr/bin/env bash
# A bad option that harms the program, goes unmentioned, or is mentioned in other words than promised.
# usage: options.sh OPTIONS.DEF
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# expect LINE NAME=VALUE: under this option a program says LINE on stderr, and works as without.
expect() {
    env LD_PRELOAD="$ZP_LIBRARY" "$2" ls -l "$work/some" >"$work/with" 2>"$work/stderr" || echo "status $?" >>"$work/with"
    if ! diff "$work/without" "$work/with" || ! diff <(printf '%s' "${1:+$1$'\n'}") "$work/stderr"; then
        echo "^ with $2"
        failed=1
    fi
}

refused() { # OPTION DEFAULT ALLOWED VALUE...
    local option=ZEROPOOL_$1 default=$2 allowed=$3 value
    tried+=" $1 "
    for value in "${@:4}"; do
        expect "zeropool: $option=$value: expected $allowed; using $default" "$option=$value"
    done
}

table=$1
tried=
mkdir "$work/some"
seq 1000 | tee "$work/some"/{a,b,c} >"$work/some/d"
ls -l "$work/some" >"$work/without"

refused ENABLE 1 '0 or 1' 2 -1 yes '' 1x
refused MIN_SIZE 1M 'a size from 64K to 1G' 1K 63K 2G 1T 1MB '' 4096 99999999999999999999 -1M
refused SHARDS auto 'auto or a power of two from 1 to 128' 0 3 256 many autos ''
refused TLS_CACHE auto 'auto or a number from 0 to 64' 65 -1 4K aut
refused TLS_BYTES auto 'auto or a size' lots 1.5G 9223372036854775808 99999999999G
refused MAX_PER_SHARD auto 'auto or a number from 1 to 65536' 0 65537 x
refused MAX_MEMORY auto 'auto or a size' -1 50% '1 G'
refused ZERO free 'free, both, background or off' 0 on FREE '' 'free|off'
refused EVICTION clockpro 'clockpro or lifo' fifo lru '' CLOCKPRO 'clockpro|lifo'
refused DECAY_MS 10000 'a number from -1 to 86400000' -2 86400001 1s '' - --1 0x10 9223372036854775808
refused DECAY_BY calls 'calls or thread' on helper '' 'calls|thread'
refused RECLAIM lazy 'lazy or off' on eager '' 'lazy|off'
refused THP auto 'auto, on or off' always 1
refused PREWARM none 'none, learn or sizes up to 64G with counts, such as 154M,9M*24' '' 1M, 0 9M* 65G 1M*-2 1MB '1M 2M' NONE learn,3M 3M,learn LEARN
refused READ off 'off or parallel' on threads '' 'off|parallel' PARALLEL
refused STATS off 'off, exit or the name of a file, with a slash or a dot' on 1 Exit ''
refused STATS_FORMAT text 'text, json or prometheus' xml '' JSON
refused STATS_INTERVAL_MS 0 'a number from 0 to 86400000' -1 86400001 1s ''
refused STATS_SIGNAL off 'off or one of HUP, QUIT, USR1, USR2, URG, PROF, WINCH, IO, PWR, RTMIN and RTMAX' SIGUSR1 usr1 9 KILL ''
refused LIVE off 'off or on' 1 yes ''
refused PROFILE off 'off or the name of a file' ''
refused CHECK basic 'basic, full or off' on all '' Full
refused STACKS off 'off or on' 1 full ''
refused HUGETLB off 'off, 2M or 1G' on 4M 2m 1
refused PIN off 'off or on' maybe 1
refused NUMA auto 'auto, off, local, interleave or the number of a node' near -1 1024 0x1 1,2
refused INHERIT 1 '0 or 1' 2 no ''
refused VERBOSE 0 'a number from 0 to 3' 4 loud

mapfile -t names < <(sed -nE 's/^ZP_OPTION\(([A-Z_]+),.*/\1/p' "$table")
for name in "${names[@]}"; do
    if [[ $tried != *" $name "* ]]; then
        echo "no bad value of ZEROPOOL_$name is tried here"
        failed=1
    fi
done

expect 'zeropool: ZEROPOOL_PREWARM has a size below ZEROPOOL_MIN_SIZE' ZEROPOOL_PREWARM=512K,3M
for pair in ZERO=off:ZERO=free ZERO=both:ZERO=free DECAY_MS=0:DECAY_MS=10000 MAX_MEMORY=0:MAX_MEMORY=auto; do
    export "ZEROPOOL_${pair%:*}"
    expect "zeropool: ZEROPOOL_CHECK=full looks at freed buffers again; using ZEROPOOL_${pair#*:}" ZEROPOOL_CHECK=full
    unset "ZEROPOOL_${pair%%=*}"
done
export ZEROPOOL_PREWARM=2M # the machine is looked at when the pool starts
expect 'zeropool: ZEROPOOL_NUMA names a node that has no memory; using auto' ZEROPOOL_NUMA=1023
unset ZEROPOOL_PREWARM
long=$(printf 'x%.0s' {1..1000})
expect 'zeropool: ZEROPOOL_SHARD is not an option; did you mean ZEROPOOL_SHARDS?' ZEROPOOL_SHARD=4
expect 'zeropool: ZEROPOOL_MAXMEMORY is not an option; did you mean ZEROPOOL_MAX_MEMORY?' ZEROPOOL_MAXMEMORY=1G
expect 'zeropool: ZEROPOOL_min_size is not an option' ZEROPOOL_min_size=1M
expect 'zeropool: ZEROPOOL_COLOUR_OF_PAGES is not an option' ZEROPOOL_COLOUR_OF_PAGES=blue
expect "zeropool: ZEROPOOL_SHARDS=${long:0:64}: expected auto or a power of two from 1 to 128; using auto" "ZEROPOOL_SHARDS=$long"

# Good values, and what is none of our business, go without a word.
for good in ENABLE=0 MIN_SIZE=64K MIN_SIZE=1g SHARDS=128 SHARDS=auto TLS_CACHE=0 TLS_BYTES=0 \
    MAX_PER_SHARD=65536 MAX_MEMORY=512M ZERO=off ZERO=both ZERO=background PREWARM=none PREWARM=3M,1m*2 EVICTION=lifo EVICTION=clockpro DECAY_MS=-1 DECAY_MS=0 \
    DECAY_MS=86400000 DECAY_BY=thread RECLAIM=lazy RECLAIM=off THP=on STATS=off STATS_FORMAT=json STATS_INTERVAL_MS=1000 STATS_SIGNAL=USR1 LIVE=on CHECK=full CHECK=off STACKS=on HUGETLB=off HUGETLB=2M HUGETLB=1G PIN=on PIN=off NUMA=auto NUMA=off NUMA=local NUMA=interleave NUMA=0 INHERIT=0 INHERIT=1 VERBOSE=0; do
    expect '' "ZEROPOOL_$good"
done
expect '' ZEROPOO=1

exit "$failed"
