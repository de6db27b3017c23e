#!/usr/bin/env bash
# man, whose filters run under a seccomp filter that kills: a system call of the library that it does not
# know would end them.
set -euo pipefail

same=$(dirname "$0")/same.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v man >/dev/null || { echo 'skipped: no man here'; exit 77; }
lines=$((${ZP_SOAK:-0} ? 30000 : 3000))

{
    printf '.TH PAGE 1\n.SH NAME\npage \\- of many tables\n.SH DESCRIPTION\n.TS\ntab(;);\nl l l.\n'
    seq "$lines" | sed 's/.*/row &;a word and another;\\fBbold &\\fR/'
    printf '.TE\n'
    seq "$lines" | sed 's/.*/Line & of a text that fills its lines and is broken where they end./'
} >"$work/page.1"
grep -q seccomp < <(ldd "$(command -v man)") || echo 'this man has no sandbox'
"$same" man --local-file "$work/page.1"
gzip -k "$work/page.1"
"$same" man -Tutf8 -l "$work/page.1.gz"
# Small requests enough: here the sandboxed filters make large ones.
ZEROPOOL_MIN_SIZE=64K "$same" --pooled man -l "$work/page.1"
