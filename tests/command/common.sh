# What the tests of the command share. Each is started with ZP_COMMAND and ZP_LIBRARY, and has a folder of its own.
# shellcheck shell=bash
set -euo pipefail

# shellcheck disable=SC2034 # for the tests
zeropool=$ZP_COMMAND
work=$(mktemp -d)
started=()
# shellcheck disable=SC2317 # called by the trap
finish() {
    [[ ${#started[@]} -eq 0 ]] || kill "${started[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
unset LD_PRELOAD XDG_RUNTIME_DIR
while read -r name; do unset "$name"; done < <(compgen -e ZEROPOOL_ || true)

broken() {
    echo "$*"
    for file in "$work/out" "$work/err"; do
        [[ ! -s $file ]] || sed "s|^|    ${file##*/}: |" "$file"
    done
    exit 1
}

# ends STATUS COMMAND...: runs it, what it prints goes to $work/out and $work/err.
ends() {
    local status=0
    "${@:2}" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [[ $status -eq $1 ]] || broken "status $status instead of $1: ${*:2}"
}

# says TEXT: what the last command has printed holds it, wherever its lines end. hushes TEXT: it does not.
says() { [[ $(tr -s ' \n' ' ' <"$work/out") == *"$1"* ]] || broken "stdout lacks: $1"; }
warns() { grep -qF -- "$1" "$work/err" || broken "stderr lacks: $1"; }
hushes() { ! grep -qF -- "$1" "$work/out" "$work/err" || broken "should not be said: $1"; }
silent() { [[ ! -s $work/err ]] || broken "stderr should be empty"; }

# start NAME COMMAND...: runs it in the background until it has printed "ready"; its number is in $pid. It ends when
# the descriptor $hold is closed.
start() {
    rm -f "$work/$1.in" "$work/$1.out"
    mkfifo "$work/$1.in" "$work/$1.out"
    "${@:2}" <"$work/$1.in" >"$work/$1.out" 2>"$work/$1.err" &
    pid=$!
    started+=("$pid")
    # shellcheck disable=SC2034 # the test closes it
    exec {hold}>"$work/$1.in"
    local line
    read -r line <"$work/$1.out" || broken "$1 has not begun: $(<"$work/$1.err")"
    [[ $line == ready ]] || broken "$1 says $line"
}

# An expression of Python about the JSON in $work/out, which is `it`.
holds() {
    python3 -c 'import json, sys
it = json.load(open(sys.argv[1]))
sys.exit(0 if eval(sys.argv[2]) else 1)' "$work/out" "$1" || broken "does not hold: $1"
}
