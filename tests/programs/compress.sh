#!/usr/bin/env bash
# xz -T2, whose large calloc finds out an allocator that calls itself, and tar with gzip.
set -euo pipefail

same=$(dirname "$0")/same.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v xz >/dev/null || { echo 'skipped: no xz here'; exit 77; }
seq 1 3900000 >"$work/input"
"$same" --pooled xz -T2 -1 -k -c "$work/input"
xz -1 -c "$work/input" >"$work/input.xz"
"$same" --pooled xz -dc "$work/input.xz"

cat >"$work/script" <<'SCRIPT'
set -e
tar -C "$1" -czf archive.tar.gz input
mkdir again
tar -C again -xzf archive.tar.gz
cmp "$1/input" again/input
SCRIPT
"$same" bash "$work/script" "$work"
