#!/usr/bin/env bash
# sort of a 60 MB file: buffers of many megabytes, grown and freed by two threads.
set -euo pipefail

same=$(dirname "$0")/same.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk 'BEGIN { srand(1); for (i = 0; i < 6000000; i++) printf "%09d\n", rand() * 1e9 }' >"$work/numbers"
"$same" --pooled sort --parallel=2 -S 100M -o sorted "$work/numbers"
