#!/usr/bin/env bash
# A library that says nothing of huge pages that are switched off for its process.
# usage: thp_disabled.sh THP_DISABLED
set -euo pipefail

program=$1
says() { # HOW: the lines about huge pages
    local status=0
    LD_PRELOAD=$ZP_LIBRARY ZEROPOOL_THP=on ZEROPOOL_VERBOSE=1 ZEROPOOL_STATS=exit \
        "$program" "$1" >"$said" 2>&1 || status=$?
    ((status == 0)) || { cat "$said" && exit $status; }
    grep 'huge pages' "$said"
}
said=$(mktemp)
trap 'rm -f "$said"' EXIT

found=$(says off)
if ! grep -q 'pool started: .*, huge pages off (switched off for this process), ' <<<"$found" ||
    ! grep -qx '  huge pages  *switched off for this process (PR_SET_THP_DISABLE)' <<<"$found"; then
    echo "switched off, it says: $found"
    exit 1
fi
found=$(says left)
if grep -q 'switched off' <<<"$found" || ! grep -q ', huge pages on, ' <<<"$found"; then
    echo "as usual, it says: $found"
    exit 1
fi
