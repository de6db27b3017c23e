#!/usr/bin/env bash
# Completion that is not that of this version, or does not complete.
# usage: completion.sh SOURCE_FOLDER
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"
folder=$1/completion

for pair in bash:zeropool.bash zsh:_zeropool fish:zeropool.fish; do
    ends 0 "$zeropool" completion "${pair%%:*}"
    cmp "$work/out" "$folder/${pair##*:}" || broken "completion/${pair##*:} is stale: run scripts/docs"
done

completes() { # SHELL LINE WORD: `shown` has what is offered
    grep -qxF -- "$3" <<<"$shown" || broken "$1 does not offer $3 for: $2"$'\n'"$shown"
}

# LINE|WORD|WORDS TO GO: a word that must be offered for a line
lines=('zeropool r|run' 'zeropool run --ze|--zero' 'zeropool run --zero ba|background' 'zeropool compare --rou|--rounds'
    'zeropool run --profile ser|server' 'zeropool help doc|doctor' 'zeropool completion fi|fish'
    'zeropool options ZEROPOOL_SH|ZEROPOOL_SHARDS' 'zeropool run --zero off cat /etc/passw|/etc/passwd'
    'zeropool run -- cat /etc/passw|/etc/passwd' 'zeropool doctor --js|--json'
    'zeropool report --by fre|fresh' 'zeropool run ech|echo' 'zeropool top --sort nam|name')
for line in "${lines[@]}"; do
    # shellcheck disable=SC2016 # the inner shell's
    shown=$(bash --norc -c 'source "$1"; read -ra COMP_WORDS <<<"$2"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _zeropool; printf "%s\n" "${COMPREPLY[@]}"' bash "$folder/zeropool.bash" "${line%%|*}")
    completes bash "${line%%|*}" "${line##*|}"
done

missing=()
if command -v fish >/dev/null; then
    export HOME=$work
    for line in "${lines[@]}"; do
        # shellcheck disable=SC2016
        shown=$(fish -c 'source $argv[1]; complete -C $argv[2]' "$folder/zeropool.fish" "${line%%|*}" | cut -f 1)
        completes fish "${line%%|*}" "${line##*|}"
    done
else
    missing+=(fish)
fi
if command -v zsh >/dev/null && zsh -fc 'zmodload zsh/zpty zsh/zselect'; then
    zsh -f "${0%.sh}.zsh" "$folder" "${lines[@]}" >"$work/out" || broken "completion of zsh"
else
    missing+=(zsh)
fi
[[ ${#missing[@]} -eq 0 ]] || echo "not tested: no ${missing[*]} here"
