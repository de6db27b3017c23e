#!/usr/bin/env bash
# Libraries in front that wrap malloc: memusage, which puts a header before each block and crashes where it has not
# seen a request or sees one twice, heaptrack, and glibc's own for debugging. Programs do what they do without.
# usage: wrapped.sh WRAPPED
set -euo pipefail

wrapped=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

libc=$(dirname "$(ldd "$ZP_LIBRARY" | awk '$1 == "libc.so.6" { print $3 }')")
memusage=$libc/libmemusage.so debug=$libc/libc_malloc_debug.so.0
[[ -f $memusage ]] || { echo 'skipped: no libmemusage here'; exit 77; }

run() { # LIBRARIES COMMAND...
    timeout -s KILL 100 env LD_PRELOAD="$1" "${@:2}" >"$work/out" 2>"$work/err" && return
    echo "status $? with LD_PRELOAD='$1': ${*:2}"
    tail -n 20 "$work/out" "$work/err"
    exit 1
}

requests() { # NAME: how many memusage has counted
    sed 's/\x1b\[[0-9;]*m//g' "$work/err" | awk -v name="$1|" '$1 == name { print $2; exit }'
}

# A hundred rounds make 100 calls of malloc, 100 of calloc and 300 of realloc: that many are to be seen more.
for options in ZEROPOOL_CHECK=basic ZEROPOOL_MIN_SIZE=64K ZEROPOOL_ENABLE=0; do
    export "${options?}"
    run "$memusage $ZP_LIBRARY" "$wrapped" 0
    before=("$(requests malloc)" "$(requests calloc)" "$(requests realloc)")
    run "$memusage $ZP_LIBRARY" "$wrapped" 100
    seen="$(($(requests malloc) - before[0])) $(($(requests calloc) - before[1])) $(($(requests realloc) - before[2]))"
    [[ $seen == '100 100 300' ]] || {
        echo "$options: malloc, calloc, realloc were seen $seen times, not 100 100 300"
        exit 1
    }
    unset "${options%%=*}"
done
ZEROPOOL_CHECK=full run "$memusage $ZP_LIBRARY" "$wrapped" 100 # libunwind allocates as well
run "$ZP_LIBRARY $memusage" "$wrapped" 100
seq 200000 | tac >"$work/numbers"
run "$memusage $ZP_LIBRARY" sort -n "$work/numbers"
if command -v python3 >/dev/null; then
    run "$memusage $ZP_LIBRARY" python3 -c 'b = [bytearray(i << 18) for i in range(20)]; b[5].extend(b[19]); del b'
fi

if [[ -f $debug ]]; then
    export MALLOC_TRACE="$work/trace"
    run "$debug $ZP_LIBRARY" "$wrapped" 100
    run "$ZP_LIBRARY $debug" "$wrapped" 100
fi
if command -v heaptrack >/dev/null; then
    run "$ZP_LIBRARY" heaptrack -o "$work/heap" "$wrapped" 100
fi
