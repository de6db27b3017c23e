#!/usr/bin/env bash
# A subcommand that takes wrong words for something else: it must say what is wrong in one line on stderr, print
# nothing else, do nothing, and end with status 2. One that takes right words must not.
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"

wrong() { # TEXT WORD...
    ends 2 "$zeropool" "${@:2}"
    [[ $(wc -l <"$work/err") -eq 1 ]] || broken "not one line: zeropool ${*:2}"
    [[ ! -s $work/out ]] || broken "prints something: zeropool ${*:2}"
    warns "$1"
    [[ ! -e $work/made ]] || broken "has done something: zeropool ${*:2}"
}

wrong 'no command'
wrong 'did you mean run?' rnu
wrong 'did you mean doctor?' docter
wrong 'not a command' frobnicate
wrong 'not a command' ''
wrong 'not a command' $'two\nlines'
wrong 'not a command' --frobnicate
wrong 'no such command' help frobnicate
wrong 'no such command' help run check

for command in run check compare record; do
    touch=("touch" "$work/made")
    wrong 'did you mean --shards?' "$command" --shrads 16 "${touch[@]}"
    wrong 'did you mean --max-memory?' "$command" --max-memroy 1G "${touch[@]}"
    wrong 'not an option' "$command" --frobnicate "${touch[@]}"
    wrong 'not an option' "$command" -x "${touch[@]}"
    wrong 'power of two' "$command" --shards 3 "${touch[@]}"
    wrong 'free, both, background or off' "$command" --zero maybe "${touch[@]}"
    wrong 'expected' "$command" --max-memory= "${touch[@]}"
    wrong 'wants a value' "$command" --shards
    wrong 'no p' "$command"
    wrong 'no p' "$command" --
    wrong 'no p' "$command" --shards 4
    wrong 'expected 0 or 1' "$command" --inherit no "${touch[@]}"
    wrong 'loader, server or debug' "$command" --profile fast "${touch[@]}"
    wrong 'does not go with' "$command" --check full --zero off "${touch[@]}"
    wrong 'does not go with' "$command" --zero off --profile debug "${touch[@]}"
    wrong 'word is empty' "$command" ''
    wrong 'word is empty' "$command" -- ''
    wrong 'value is empty' "$command" --library '' "${touch[@]}"
    wrong 'value is empty' "$command" --profile= "${touch[@]}"
    wrong 'No such file' "$command" --library "$work/none" "${touch[@]}"
    wrong 'not the library' "$command" --library /bin/sh "${touch[@]}"
    wrong 'not the library' "$command" --library / "${touch[@]}"
    wrong "$(printf 'two?lines')" "$command" --zero $'two\nlines' "${touch[@]}"
done
wrong 'not an option' check --rounds 3 touch "$work/made"
wrong 'takes no value' compare --json=yes touch "$work/made"
wrong 'value is empty' compare --rounds '' touch "$work/made"
for rounds in 2 1001 -1 x 5x 99999999999999999999; do
    wrong 'from 3 to 1000' compare --rounds "$rounds" touch "$work/made"
done
wrong 'cannot preload' compare --against "$work/none.so" touch "$work/made"
wrong 'cannot hold' compare --against 'a b.so' touch "$work/made"
wrong 'value is empty' compare --against '' touch "$work/made"

wrong 'no process 2147483646' check 2147483646
for number in 0 00 2147483648 99999999999999999999; do
    wrong 'is no process' check "$number"
done
wrong 'expected one process' check $$ $$
wrong 'only option' check --zero off $$
wrong 'only option' check --profile debug $$
wrong 'takes no words' doctor now
wrong 'cannot be read' doctor --root "$work/none"
wrong 'No such file' doctor --library "$work/none"
wrong 'no such option' options frobnicate
wrong 'not an option' options --frobnicate
wrong 'bash, zsh or fish' completion
wrong 'bash, zsh or fish' completion csh
wrong 'bash, zsh or fish' completion bash zsh
wrong 'takes no words' version now
wrong 'number of a process' top now
wrong 'no process' top 2147483646
wrong 'from 1 to 3600' top --every 0
wrong 'pid, name' top --sort size
wrong 'goes with --once' top --json
wrong 'does not go with --once' top --once --every 2
wrong 'value is empty' top --once --sort ''
wrong 'value is empty' report --output '' "$work/none"
wrong 'goes with --folded' report --by live "$work/none"
wrong 'does not go with' report --html --top 3 "$work/none"
wrong 'value is empty' metrics --textfile ''
wrong 'value is empty' doctor --root ''
wrong 'word is empty' top ''
wrong 'number of a process' metrics now
wrong 'no process' metrics 2147483646
wrong 'from 0 to 65535' metrics --listen 65536
wrong 'from 0 to 65535' metrics --listen http
wrong 'exclude each other' metrics --listen 0 --textfile "$work/made"

# Too many of them: refused, not written past the end.
many=()
for ((i = 0; i < 200; i++)); do many+=(--shards 4); done
wrong 'more than' run "${many[@]}" touch "$work/made"
# A word that is longer than any buffer.
long=$(printf '%*s' 20000 '' | tr ' ' x)
wrong 'not an option' run "--$long" touch "$work/made"
wrong 'not a command' "$long"

# ---- Right ones
for command in run check compare doctor top metrics options completion version help; do
    ends 0 "$zeropool" "$command" --help
    says "usage: zeropool $command"
    silent
    ! grep -nE '^.{81}' "$work/out" || broken "lines of more than 80 columns: $command --help"
    ends 0 "$zeropool" help "$command"
    says "usage: zeropool $command"
done
for words in --help -h help; do
    ends 0 "$zeropool" "$words"
    says 'doctor says what'
done
ends 0 "$zeropool" --version
[[ $(wc -l <"$work/out") -eq 1 && $(<"$work/out") == 'zeropool '* ]] || broken "version is not one line"
ends 0 "$zeropool" version
says "$ZP_LIBRARY"
ends 0 "$zeropool" options
says ZEROPOOL_MAX_MEMORY
says 'ZEROPOOL_READ=parallel' # of a profile
ends 0 "$zeropool" options --json
holds 'len(it) > 15 and all(o["flag"].startswith("--") and o["name"].startswith("ZEROPOOL_") for o in it)'
for name in SHARDS shards ZEROPOOL_SHARDS; do
    ends 0 "$zeropool" options --json "$name"
    holds '[o["name"] for o in it] == ["ZEROPOOL_SHARDS"]'
done
# What is printed into a full file is lost: that is no success.
if [[ -w /dev/full ]]; then
    for words in options help version 'doctor --json' 'top --once' 'top --once --json' metrics 'completion zsh'; do
        status=0
        # shellcheck disable=SC2086 # several words on purpose
        "$zeropool" $words >/dev/full 2>"$work/err" || status=$?
        [[ $status -eq 125 ]] || broken "status $status: zeropool $words >/dev/full"
    done
fi
