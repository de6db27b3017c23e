#!/usr/bin/env bash
# Fails when a file of the library, or a model, is longer than 400 lines: then it has more than one job.
# usage: lengths.sh SOURCE_FOLDER
set -euo pipefail
cd "$1"

failures=0
while read -r file; do
    lines=$(wc -l <"$file")
    if [[ $lines -gt 400 ]]; then
        echo "$file has $lines lines, more than 400"
        failures=$((failures + 1))
    fi
done < <(find core preload config stats interface linked command tests/model -type f)
[[ $failures -eq 0 ]]
