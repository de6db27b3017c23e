#!/usr/bin/env bash
# Prints what the unit tests, which have just run, reached of core, config and stats: lines and branches per file.
# Fails when it is less than 95 % of core's lines. Line by line: coverage/index.html in the build folder.
# usage: coverage.sh SOURCE_FOLDER BUILD_FOLDER
set -euo pipefail
source=$1 build=$2
command -v gcovr >/dev/null || {
    echo "skipped: no gcovr here"
    exit 77
}
# options_table.c and statistics_table.c are programs for the documentation.
mkdir -p "$build/coverage"
# Counters that threads write without atomics (meson.build) now and then come out below zero.
gcovr --gcov-ignore-parse-errors --root "$source" --filter "$source/core/" --filter "$source/config/" --filter "$source/stats/" \
    --exclude "$source/config/options_table.c" --exclude "$source/stats/statistics_table.c" --csv "$build/coverage/summary.csv" --html-details "$build/coverage/index.html" "$build"
# The next run counts from nothing.
find "$build" -name '*.gcda' -delete

awk -F, -v least=95 '
    function row(name, lines, hit, branches, taken) {
        printf "%-28s %6d %6.1f %% %8d %6.1f %%\n", name, lines, 100 * hit / lines,
            branches, branches ? 100 * taken / branches : 100
    }
    BEGIN { printf "%-28s %6s %8s %8s %8s\n", "", "lines", "reached", "branches", "taken" }
    NR > 1 && $2 > 0 {
        row($1, $2, $3, $5, $6)
        split($1, path, "/")
        lines[path[1]] += $2; hit[path[1]] += $3; branches[path[1]] += $5; taken[path[1]] += $6
    }
    END {
        for (folder in lines)
            row("all of " folder, lines[folder], hit[folder], branches[folder], taken[folder])
        exit !(lines["core"] > 0 && 100 * hit["core"] / lines["core"] >= least)
    }' "$build/coverage/summary.csv"
