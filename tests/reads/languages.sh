#!/usr/bin/env bash
# Python, numpy and libstdc++ read other bytes with the library than without, or their reads are not
# shared, so that nothing is tested.
set -euo pipefail

folder=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3
"$python" -c 'import numpy' 2>/dev/null || {
    echo "skipped: no numpy here"
    exit 77
}
command -v g++ >/dev/null || {
    echo "skipped: no g++ here"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head -c 16123456 /dev/urandom >"$work/file"

compare() { # LEAST COMMAND...: so many reads have to be shared
    local least=$1 shared
    shift
    "$@" >"$work/without"
    env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_READ=parallel ZEROPOOL_STATS=exit "$@" >"$work/with" 2>"$work/report"
    diff "$work/without" "$work/with"
    shared=$(sed -nE 's/^  shared reads +([0-9]+).*/\1/p' "$work/report")
    echo "$(basename "$1"): ${shared:-no} reads shared"
    [[ $(nproc) -lt 2 ]] || [[ ${shared:-0} -ge $least ]]
}

compare 10 "$python" "$folder/languages.py" "$work/file" "$work/other.npy"
g++ -O2 -o "$work/ifstream" "$folder/ifstream.cpp"
compare 2 "$work/ifstream" "$work/file"
