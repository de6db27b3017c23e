#!/usr/bin/env bash
# zeropool compare that compares what cannot be compared, or finds a difference where there is none. No timing is
# looked at: page faults are counted, and do not depend on the load.
# usage: compare.sh HOLD OWN_MALLOC
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"
hold_program=$1 own_malloc=$2

# ---- Sides take turns, after a run that is not counted; the program has no input
cat >"$work/note" <<END
#!/bin/sh
read line && echo input >>"$work/notes"
case \$LD_PRELOAD in
*libzeropool_preload*) echo "with \$ZEROPOOL_SHARDS" >>"$work/notes" ;;
*) echo "without \$ZEROPOOL_SHARDS" >>"$work/notes" ;;
esac
END
chmod +x "$work/note"
ZEROPOOL_SHARDS=8 LD_PRELOAD=$ZP_LIBRARY ends 0 "$zeropool" compare --rounds 3 --shards 4 -- "$work/note"
sides=$(tr '\n' ',' <"$work/notes")
[[ $sides == 'without ,with 4,without ,with 4,with 4,without ,without ,with 4,' ]] || broken "order: $sides"
warns 'round 3 of 3:'

# ---- What it counts, and what it says of that
ends 0 "$zeropool" compare --json --rounds 3 -- "$hold_program"
holds '[s["name"] for s in it["sides"]] == ["without", "zeropool"]'
holds 'it["rounds"] == 3 and all(len(s[m]["runs"]) == 3 for s in it["sides"] for m in ("time", "cpu_time", "page_faults", "peak_memory"))'
holds 'all(s[m]["lowest"] <= s[m]["median"] <= s[m]["highest"] for s in it["sides"] for m in ("time", "page_faults"))'
holds 'it["sides"][1]["page_faults"]["against_without"] == "less"'
holds 'it["sides"][1]["verdict"] in ("faster", "slower", "no difference")'
ends 0 "$zeropool" compare --rounds 3 -- "$hold_program"
says 'page faults'
says 'With zeropool:'
says 'in one case of ten'
! grep -nE '^.{81}' "$work/out" || broken "lines of more than 80 columns"

# The same library on both sides: ranges of what both do alike overlap.
ends 0 "$zeropool" compare --json --rounds 5 --against libm.so.6 -- "$own_malloc"
warns 'no difference'
holds 'it["sides"][2]["name"] == "m"'
holds 'all(s["peak_memory"]["median"] > 0 for s in it["sides"])'

# ---- Output: dropped, or on stderr
ends 0 "$zeropool" compare --rounds 3 -- echo from-the-program
says '3 runs of each, in turn: echo from-the-program' # words that need no quotes have none
! grep -q '^from-the-program' "$work/out" "$work/err" || broken "the program's output is not dropped"
ends 0 "$zeropool" compare --show --rounds 3 -- echo from-the-program
[[ $(grep -o 'from-the-program' "$work/err" | wc -l) -eq 8 ]] || broken "the program's output is not shown"

# ---- The report's command line is one for a shell: the same words again
# shellcheck disable=SC2016,SC2088 # for the inner shell, or to stay as they are
words=(printf '<%s>' a-b=c/d.e '' 'two words' "it's" '"$HOME"' '*' '~' 'a;b|c&d' 'back\slash' '#' $'two\nlines' 'ü')
ends 0 "$zeropool" compare --rounds 3 -- "${words[@]}"
line=$(sed -n '1,/^$/p' "$work/out")
eval "again=(${line#*in turn: })"
[[ $("${again[@]}") == "$("${words[@]}")" ]] || broken "the command line of the report is another one"

# ---- Refused
# shellcheck disable=SC2016 # the inner shell's
ends 1 "$zeropool" compare -- sh -c 'case $LD_PRELOAD in *zeropool*) exit 3 ;; esac; exit 4'
warns 'with zeropool the program ends with status 3, without it ends with status 4'
# shellcheck disable=SC2016
ends 1 "$zeropool" compare -- sh -c 'case $LD_PRELOAD in *zeropool*) kill -SEGV $$ ;; esac'
warns 'is killed by signal 11'
ends 1 "$zeropool" compare -- sh -c "[ -e '$work/once' ] && exit 1; [ -e '$work/first' ] && : >'$work/once'; : >'$work/first'"
warns 'but ends with status 0 before'
ends 0 "$zeropool" compare --rounds 3 -- false
warns 'ends with status 1, in every run'
gcc -static -o "$work/static" "$(dirname "$0")/hold.c"
ends 1 "$zeropool" compare -- "$work/static"
warns 'nothing to compare'
ends 127 "$zeropool" compare -- "$work/nothing"
ends 126 "$zeropool" compare -- /etc/passwd
