#!/usr/bin/env bash
# Fails when a C file is not laid out as .clang-format says, or a shell script has what shellcheck warns of.
# usage: format.sh SOURCE_FOLDER
set -euo pipefail
cd "$1"
for tool in clang-format shellcheck; do
    command -v "$tool" >/dev/null || {
        echo "skipped: no $tool here"
        exit 77
    }
done
mapfile -t sources < <(find core config stats interface linked preload command tests bench -name '*.[ch]')
mapfile -t -O "${#sources[@]}" sources < <(find cpp examples tests/bindings -name '*.[ch]pp')
clang-format --dry-run --Werror "${sources[@]}"
mapfile -t scripts < <(grep -rlE '^#!.*bash' scripts tests .ci)
shellcheck "${scripts[@]}"
