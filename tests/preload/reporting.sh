# What the tests of a program that reports while it runs share: the program `reporting`, told what to do line by line.
# Each has a folder of its own to work in. $pid is the program's number; descriptors 3 and 4 are its output and input.
# shellcheck shell=bash
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$*"
    exit 1
}

start() { # NAME=VALUE...: options of the library; signals have the disposition that the shell has given them
    # shellcheck disable=SC2154 # the test sets it
    coproc program { exec env LD_PRELOAD="$ZP_LIBRARY" "$@" "$reporting" 2>stderr; }
    # shellcheck disable=SC2154 # coproc sets both
    pid=$program_PID
    exec 3<&"${program[0]}" 4>&"${program[1]}"
    await ready
}

await() { # the next word that it says; what follows that is in $who
    local word
    # shellcheck disable=SC2034 # for the test
    read -r word who <&3 || fail "it ended before $1"
    [[ $word == "$1" ]] || fail "it said $word, not $1"
}

tell() {
    echo "$1" >&4
    await did
}

finish() {
    echo end >&4
    exec 3<&- 4>&-
    wait "$pid" || fail "status $?"
}

until_holds() { # COMMAND...: waits as long as it takes
    until "$@" 2>/dev/null; do
        kill -0 "$pid" 2>/dev/null || fail "it is gone: $*"
        sleep 0.02
    done
}
