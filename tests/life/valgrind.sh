#!/usr/bin/env bash
# Under valgrind: a tool that replaces malloc in every library meets a pool, a line too many or a false error;
# or a tool that does not (callgrind) sees no pool.
# usage: valgrind.sh WATCHED TOOL...
set -euo pipefail

watched=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v valgrind >/dev/null || {
    echo "skipped: no valgrind here"
    exit 77
}
line='zeropool: the program runs under valgrind; the library steps aside'

# under AS TOOL NAME=VALUE...
under() {
    local status=0
    (cd "$work" && env "${@:3}" valgrind --tool="$2" --log-file="$work/$1.log" "$watched" \
        >"$work/$1.out" 2>"$work/$1.err") || status=$?
    sed -i '/^LD_PRELOAD=/d' "$work/$1.out" # valgrind has its own there
    echo "status $status" >>"$work/$1.out"
}

expect() { # EXPECTED ACTUAL
    diff "$1" "$2" || {
        echo "^ under $tool"
        cat "$work/with.log"
        exit 1
    }
}

for tool in "${@:2}"; do
    under without "$tool" ZEROPOOL_STATS=off
    under with "$tool" LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_STATS=exit ZEROPOOL_PREWARM=3M ZEROPOOL_ZERO=background
    expect "$work/without.out" "$work/with.out"
    case $tool in
        callgrind | cachegrind | none)
            grep -q 'large requests *[1-9]' "$work/with.err" || expect 'the pool at work' "$work/with.err"
            ;;
        *)
            expect <(echo "$line") <(head -n 1 "$work/with.err")
            grep -q 'nothing was intercepted' "$work/with.err"
            ;;
    esac
    case $tool in
        memcheck | helgrind | drd) grep -q 'ERROR SUMMARY: 0 errors' "$work/with.log" || expect 'no errors' "$work/with.log" ;;
    esac
done

under off memcheck LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_ENABLE=0
expect /dev/null "$work/off.err"
