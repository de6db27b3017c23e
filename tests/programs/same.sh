#!/usr/bin/env bash
# Runs a command without and with the library, each time in an empty folder of the same name, and fails
# unless output, files left behind and exit status are the same.
# usage: same.sh [--pooled] COMMAND...; with --pooled it must also have made large requests.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C TZ=UTC HOME=/nonexistent

pooled=
if [[ $1 == --pooled ]]; then
    pooled=yes
    shift
fi

run_as() { # NAME COMMAND...: leaves output, files and status in the folder NAME
    local status=0
    mkdir -p "$work/here/files"
    (cd "$work/here/files" && "${@:2}") >"$work/here/stdout" 2>"$work/here/stderr" || status=$?
    echo "$status" >"$work/here/status"
    mv "$work/here" "$work/$1"
}

run_as without "$@"
if [[ $(<"$work/without/status") != 0 ]]; then
    cat "$work/without/stderr"
    echo "fails without the library already: $*"
    exit 1
fi

run_as with env LD_PRELOAD="$ZP_LIBRARY" "$@"
if ! diff -r "$work/without" "$work/with"; then
    echo "differs with the library: $*"
    exit 1
fi

[[ $pooled ]] || exit 0
run_as pooled env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_STATS=exit "$@"
if ! grep -q 'large requests  *[1-9]' "$work/pooled/stderr"; then
    cat "$work/pooled/stderr"
    echo "made no large request: $*"
    exit 1
fi
