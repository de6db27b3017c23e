#!/usr/bin/env bash
# Runs a fuzz target: every input of a corpus, then others made from them, for so many seconds. The same
# ones each time on a machine of the same speed. What it finds is thrown away, but for an input that fails:
# that is in failures/ of the folder it is run in, and in the log as base64.
# usage: run.sh TARGET CORPUS SECONDS
set -euo pipefail
target=$1 corpus=$2 seconds=$3
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
mkdir -p failures
export TMPDIR=$found ASAN_OPTIONS=detect_leaks=0:handle_abort=0
# The exit status of an input that fails is 77 unless told: meson takes that for a test that was skipped.
"$target" -seed=1 -max_total_time="$seconds" -timeout=300 -print_final_stats=1 -error_exitcode=1 -timeout_exitcode=1 \
    -artifact_prefix="failures/$(basename "$target")-" "$found" "$corpus"
