#!/usr/bin/env bash
# A subcommand, flag or profile that the manual page or docs/command.md does not name.
# usage: pages.sh SOURCE_FOLDER
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"

sed 's/\\-/-/g; s/\\f[BIRP]//g' "$1/man/zeropool.1" >"$work/zeropool.1"
pages=("$work/zeropool.1" "$1/docs/command.md")
named() { # WORD
    for page in "${pages[@]}"; do
        grep -qwF -- "$1" "$page" || broken "${page##*/} does not name $1"
    done
}
"$zeropool" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >"$work/commands"
[[ $(wc -l <"$work/commands") -gt 8 ]] || broken "no list of subcommands"
while read -r command; do
    named "zeropool $command"
    "$zeropool" "$command" --help | sed '/^Options of the library/,$d' >"$work/help"
    while read -r flag; do named "$flag"; done < <(grep -oE -- '^  --[a-z-]+' "$work/help")
done <"$work/commands"
"$zeropool" options | sed -n '/^Named sets/,$p' >"$work/profiles"
while read -r setting; do named "$setting"; done < <(grep -oE 'ZEROPOOL_[A-Z_]+=[a-z]+' "$work/profiles")
for status in 0 1 2 125 126 127; do named "$status"; done
if command -v man >/dev/null; then
    man -l --warnings "$1/man/zeropool.1" >/dev/null 2>"$work/err" || broken "man cannot format it"
    silent
fi
