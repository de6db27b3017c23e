#!/usr/bin/env bash
# A program built with a sanitizer that does not start under the library, finds nothing any more, or is told
# other arguments and another environment than it was given.
# usage: sanitizers.sh COMPILER SANITIZER NAME WATCHED.C; without a NAME the library has no reason to step aside.
set -euo pipefail

compiler=$1 sanitizer=$2 name=$3 source=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OTHER_VARIABLE="a value"
unset LD_PRELOAD

skip() {
    echo "skipped: $*"
    exit 77
}

command -v "$compiler" >/dev/null || skip "no $compiler here"
"$compiler" -g -O1 -fno-builtin -D_GNU_SOURCE -fsanitize="$sanitizer" "$source" -o "$work/watched" -pthread \
    2>"$work/log" || skip "$compiler has no runtime for -fsanitize=$sanitizer"

# run AS [NAME=VALUE...] COMMAND...: leaves output, messages and status
run() {
    local as=$1 status=0
    env "${@:2}" >"$work/$as.out" 2>"$work/$as.err" || status=$?
    echo "status $status" >>"$work/$as.out"
}

complain() {
    echo "$1"
    head -n 40 "${@:2}"
    exit 1
}

# like EXPECTED ACTUAL [LINE]: the same output and status, and LINE is all that was said
like() {
    diff "$work/$1.out" "$work/$2.out" || complain "^ $1 and $2 differ" "$work/$2.err"
    diff <(printf '%s' "${3:+$3$'\n'}") "$work/$2.err" || complain "^ this was said: $2"
}

line=${name:+"zeropool: the program runs under $name; the library steps aside"}
library=$(basename "$ZP_LIBRARY")

run alone "$work/watched"
grep -qx 'status 3' "$work/alone.out" || skip "does not run without the library: $(head -n 1 "$work/alone.err")"

run under LD_PRELOAD="$ZP_LIBRARY" "$work/watched"
grep -v "LD_PRELOAD=.*$library" "$work/under.out" >"$work/bare.out"
[[ ! $name ]] || cp "$work/under.out" "$work/bare.out" # not even the name of the library is left
mv "$work/under.err" "$work/bare.err"
like alone bare "$line"

run on_time LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_VERBOSE=0 ZEROPOOL_PREWARM=3M*2 ZEROPOOL_ZERO=background "$work/watched"
[[ ! $name ]] || like alone on_time "$line"
run off LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_ENABLE=0 "$work/watched"
[[ ! $name ]] || like alone off ''

# The mistake that the tool is there for is still found.
declare -A says=([address]='heap-buffer-overflow' [leak]='detected memory leaks' [thread]='data race'
    [memory]='use-of-uninitialized-value' [undefined]='signed integer overflow')
run mistake LD_PRELOAD="$ZP_LIBRARY" "$work/watched" "$sanitizer"
grep -q "${says[$sanitizer]}" "$work/mistake.err" || complain "not found: ${says[$sanitizer]}" "$work/mistake.err"
[[ $name ]] || exit 0
[[ $(grep -c ^zeropool "$work/mistake.err") == 1 ]] || complain "not one line of ours" "$work/mistake.err"

# As the interpreter of a script it is told the script's name, once.
printf '#!%s\n' "$work/watched" >"$work/script"
chmod +x "$work/script"
run script "$work/script"
run script_under LD_PRELOAD="$ZP_LIBRARY" "$work/script"
sed -i 1d "$work/script.out" "$work/script_under.out" # the process's name: the script's, or exe
like script script_under "$line"

# By the library's name alone, and with others in the list. The address sanitizer of gcc wants to be the first.
cd "$(dirname "$ZP_LIBRARY")"
run path LD_LIBRARY_PATH="$PWD" LD_PRELOAD=" $library:" "$work/watched"
like alone path "$line"
if [[ $compiler != gcc || $sanitizer != address ]]; then
    run others LD_PRELOAD="libm.so.6 ./$library:libdl.so.2" "$work/watched"
    sed 's/^OTHER_VARIABLE=.*/&\nLD_PRELOAD=libm.so.6 libdl.so.2/' "$work/alone.out" >"$work/with_others.out"
    like with_others others "$line"
fi
