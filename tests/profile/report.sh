#!/usr/bin/env bash
# A report that names the wrong place, gives advice that the library does not take, or trips over a damaged file.
# usage: report.sh SITES ZEROPOOL PPROF.PY
# shellcheck disable=SC1091,SC2154 # of common.sh
set -euo pipefail

sites=$1 zeropool=$2 decode=$3
source "$(dirname "$0")/common.sh"

LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PROFILE=known "$sites" data

# Functions, source lines, numbers, advice.
"$zeropool" report known >text
for expected in '20 large requests\|23 large requests' 'in 10 requests of 4.0 MiB' 'fills' 'touches' 'keeps' \
    'at the end 72.0 MiB in 3' 'written 100 %' 'ZEROPOOL_READ=parallel' '80.0 MiB read from files'; do
    grep -q -- "$expected" text || fail "not there: $expected"$'\n'"$(cat text)"
done
if command -v addr2line >/dev/null; then
    grep -q 'fills (.*sites.c:[0-9]*)' text || fail 'no source lines'
fi
! grep -q ' 1 buffers\| 1 requests' text || fail "$(grep ' 1 buffers\| 1 requests' text)"
(umask 027 && "$zeropool" report --output written known)
cmp text written
[[ $(stat -c %a written) == 640 ]] || fail 'its mode is not that of other new files'
# What is no file is written to, not replaced.
ln -s behind link
"$zeropool" report --output link known
[[ -L link ]]
cmp text behind
"$zeropool" report --output /dev/stdout known | cmp text -
[[ $("$zeropool" report --top 1 known | grep -c '^  1\. ') == 1 ]]
[[ $("$zeropool" report --top 1 known | grep -c '^  2\. ') == 0 ]]

# The one line to paste is taken by the library without a word.
read -ra settings <<<"$(sed -n 's/^all together: //p' text)"
[[ ${#settings[@]} -gt 0 ]] || fail 'no settings'
[[ $(printf '%s\n' "${settings[@]%%=*}" | sort | uniq -d) == '' ]] || fail "twice: ${settings[*]}"
env "${settings[@]}" LD_PRELOAD="$ZP_LIBRARY" "$sites" data 2>stderr
[[ ! -s stderr ]] || fail "$(cat stderr)"

# Folded stacks: outermost first, the weights add up.
"$zeropool" report known --folded >folded
grep -q '^sites;.*main;fills.* 41943040$' folded || fail "$(cat folded)"
[[ $(sed 's/.* //' folded | paste -sd+ | bc) == $(awk '$1 == "fields" { for (i = 2; i <= NF; i++) at[$i] = i } $1 == "site" { sum += $at["bytes"] } END { print sum }' known) ]]
"$zeropool" report known --folded --by requests | grep -q 'fills.* 10$'

# pprof's format, by a decoder of its own and by pprof where there is one.
"$zeropool" report --pprof --output known.pb.gz known
python3 -B "$decode" known.pb.gz >decoded
grep -qx 'alloc_objects 10 alloc_space 41943040 .*' decoded || fail "$(cat decoded)"
grep -q '^ *fills .*sites.c' decoded || fail "$(cat decoded)"
if go tool pprof -h 2>&1 | grep -q -- -proto; then
    go tool pprof -top -sample_index=alloc_space known.pb.gz >top 2>/dev/null
    grep -q '40MB .* fills' top || fail "$(cat top)"
fi

# The page holds all it needs, and what is in the profile cannot end its script.
cp "$sites" '<b>sites'
LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PROFILE=odd './<b>sites' data
"$zeropool" report --html odd >page.html
! grep -q '<b>' page.html || fail 'a name is markup'
! grep -Eq '(src|href)="' page.html || fail 'the page asks for other files'

# Damaged files, wrong words: one line, status 2, nothing printed, no file.
refused() {
    local status=0
    "$zeropool" report "$@" >stdout 2>stderr || status=$?
    [[ $status == 2 && ! -s stdout && $(wc -l <stderr) == 1 && ! -e out ]] ||
        fail "report $*: status $status, $(wc -c <stdout) bytes, $(cat stderr)"
}
size=$(stat -c %s known)
for ((at = 0; at < size; at += size / 60)); do
    head -c "$at" known >damaged
    refused damaged
    { head -c "$at" known; printf '\nsite 1 2 ; x\n'; tail -c +"$((at + 1))" known; } >damaged
    refused --html --output out damaged
done
head -c -1 known >damaged # the end of the last line
refused damaged
head -c $(($(grep -bo '^ended' known | cut -d: -f1) + 3)) known >damaged # "ended", cut to "end"
refused damaged
{ sed '/^ended/q' known | sed 's/^ended.*/end/'; sed '1,/^ended/d' known; } >damaged # an end in the middle
refused damaged
{ cat known; echo end; } >damaged
refused damaged
sed 's/^zeropool-profile 1/zeropool-profile 2/' known >damaged
refused damaged
sed 's/^fields sampled/fields simpled/' known >damaged
refused damaged
mkfifo fifo
for wrong in nowhere . fifo /dev/null "$sites"; do
    refused "$wrong"
done
refused
refused known known
refused --top 0 known
refused --by colour known
refused --folded --html known
refused --colour known
status=0
"$zeropool" report --output nowhere/out known 2>stderr || status=$?
[[ $status == 125 && $(wc -l <stderr) == 1 ]] || fail "status $status"
status=0
"$zeropool" report known >/dev/full 2>stderr || status=$?
[[ $status == 125 && $(wc -l <stderr) == 1 ]] || fail "status $status"
