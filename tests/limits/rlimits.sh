#!/usr/bin/env bash
# Programs that die of a signal under a limit on their memory, whatever it is, instead of saying that they
# have too little. (tests/preload/limits.sh has limits under which they must work.)
set -euo pipefail
ulimit -c 0

python='data = [bytes(2_000_000) for _ in range(8)]'
failures=0
: "${ZP_LIBRARY:?}"
said=$(mktemp)
trap 'rm -f "$said"' EXIT

try() { # LETTER MIB COMMAND...
    local status=0
    (ulimit "-$1" $(($2 * 1024)) && LD_PRELOAD=$ZP_LIBRARY exec "${@:3}") >"$said" 2>&1 || status=$?
    ((status < 128)) && return
    cat "$said"
    echo "status $status with a limit of $2 MiB (ulimit -$1): ${*:3}"
    failures=$((failures + 1))
}

# Below this jemalloc itself crashes where it cannot start: 16 MiB of addresses, 12 MiB of data.
for mib in 16 18 20 24 32 64 120 300 5000 20500 100000; do
    try v $mib ls /
done
for mib in 12 14 16 20 24 32 64 120 300 5000; do
    try d $mib ls /
    try d $mib /usr/bin/python3 -S -c "$python"
done
for mib in 24 28 32 48 64 96 160 300 700 20500; do
    try v $mib /usr/bin/python3 -S -c "$python"
done
[[ $failures -eq 0 ]]
