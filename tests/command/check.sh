#!/usr/bin/env bash
# zeropool check that takes a process for served that is not, or the other way round, or gives the wrong reason.
# usage: check.sh HOLD OWN_MALLOC
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"
hold_program=$1 own_malloc=$2

close() {
    exec {hold}>&-
    wait "$pid" || true
}

# ---- A process: with the library, its options, what it has intercepted
start served "$zeropool" run --live on --stacks on -- "$hold_program"
# Its counters are published by a thread of its own: as soon as they are all there.
for ((i = 0; i < 600; i++)); do
    ends 0 "$zeropool" check "$pid"
    ! grep -q ' 4[01] large requests' "$work/out" || break
    sleep 0.1
done
says 'zeropool is in force'
says "$ZP_LIBRARY"
says ZEROPOOL_STACKS=on
says '41 large requests'
ends 0 "$zeropool" check --json "$pid"
holds 'it[0]["in_force"] and it[0]["intercepted"]["large_requests"] == 41 and it[0]["reason"] is None'
close

start plain "$zeropool" run -- "$hold_program"
ends 0 "$zeropool" check "$pid"
says 'not known'
says ZEROPOOL_LIVE=on
close

# ---- Not in force, each for its reason
start without "$hold_program"
ends 1 "$zeropool" check "$pid"
says 'LD_PRELOAD is not set'
says 'zeropool run'
ends 1 "$zeropool" check --json "$pid"
holds 'not it[0]["in_force"] and it[0]["library"] is None'
close

start not_passed_on env ZEROPOOL_INHERIT=0 "$hold_program" # as what a program with the library would start
ends 1 "$zeropool" check "$pid"
says 'LD_PRELOAD is not set; with ZEROPOOL_INHERIT=0'
close

start off env ZEROPOOL_SHARDS=3 ZEROPOOL_NONSENSE=1 "$zeropool" run --enable 0 -- "$hold_program"
ends 1 "$zeropool" check "$pid"
says 'ZEROPOOL_ENABLE=0'
says 'ZEROPOOL_SHARDS=3: expected'
says 'ZEROPOOL_NONSENSE is not an option'
close

start own "$zeropool" run -- "$own_malloc"
ends 1 "$zeropool" check "$pid"
says 'its own malloc'
close

start missing env LD_PRELOAD="$work/libzeropool_preload.so" "$hold_program"
ends 1 "$zeropool" check "$pid"
says 'which this process cannot read'
close

rival=$(ldconfig -p | sed -n 's/.* \(.*libtcmalloc_minimal.so.4\)$/\1/p' | head -n 1)
if [[ $rival ]]; then
    start rival env LD_PRELOAD="$rival:$ZP_LIBRARY" "$hold_program"
    ends 1 "$zeropool" check "$pid"
    says 'precedes it in LD_PRELOAD'
    close
fi

gcc -static -o "$work/static" "$(dirname "$0")/hold.c"
start static env LD_PRELOAD="$ZP_LIBRARY" "$work/static"
ends 1 "$zeropool" check "$pid"
says 'statically linked'
close

# ---- A program that is started: each of its processes, however it ends
ends 0 "$zeropool" check --zero off -- "$hold_program"
says 'zeropool is in force'
says '41 large requests'
says ZEROPOOL_ZERO=off
hushes ZEROPOOL_STATS
warns 'ended with status 0'
ends 0 "$zeropool" check --json -- sh -c "'$hold_program' & '$hold_program'; wait; exit 9"
warns 'ended with status 9'
holds 'len(it) == 3 and it[0]["program"] == "sh" and sum(p["intercepted"]["large_requests"] for p in it) == 82'
# What a process that was killed had begun to write is no report.
# shellcheck disable=SC2016 # the inner shell's
ends 0 "$zeropool" check --json -- sh -c 'echo "{\"program\": \"ghost\"}" >"${ZEROPOOL_STATS%/*}/99.99.new"
    exec "$0"' "$hold_program"
holds 'len(it) == 1 and it[0]["in_force"]'
cp "$hold_program" "$work/an \"odd\" \\name"
ends 0 "$zeropool" check --json -- "$work/an \"odd\" \\name"
holds "it[0]['program'] == 'an \"odd\" \\\\name'"
ends 1 "$zeropool" check -- "$own_malloc"
says 'its own malloc'
ends 1 "$zeropool" check -- "$work/static"
says 'statically linked'
hushes 'process 0'
ends 1 "$zeropool" check --json -- "$work/static"
holds 'it[0]["pid"] is None and it[0]["program"] == "static"'
# One that is killed has published its counters, or was killed before: both are told.
status=0
# shellcheck disable=SC2016 # the inner shell's
"$zeropool" check -- sh -c 'kill -KILL $$' >"$work/out" 2>"$work/err" || status=$?
warns 'killed by signal 9'
if [[ $status -eq 0 ]]; then says 'large requests'; else says 'left no report'; fi
ends 1 "$zeropool" check --enable 0 -- "$hold_program"
ends 127 "$zeropool" check -- "$work/nothing"
# One that is there and cannot be started has no report either.
printf '#!%s\n' "$work/nothing" >"$work/script"
chmod +x "$work/script"
ends 127 env TMPDIR="$work" "$zeropool" check -- "$work/script"
! compgen -G "$work/zeropool-check-*" >/dev/null || broken "the folder of the reports is left behind"
ends 0 env TMPDIR="$work" "$zeropool" check -- "$hold_program"
! compgen -G "$work/zeropool-check-*" >/dev/null || broken "the folder of the reports is left behind"

# SIGNAL DISPOSITION COMMAND...: bash can neither ignore SIGCHLD nor have a background job heed SIGINT.
cat >"$work/with_signal" <<'END'
import os, signal, sys
signal.signal(getattr(signal, sys.argv[1]), getattr(signal, sys.argv[2]))
os.execvp(sys.argv[3], sys.argv[3:])
END

# One that is interrupted passes that on, reports when the program has ended, and leaves nothing behind either.
for signal in TERM INT HUP; do
    mkfifo "$work/begun"
    TMPDIR=$work python3 "$work/with_signal" "SIG$signal" SIG_DFL "$zeropool" check -- \
        sh -c 'echo begun; exec sleep 100' >"$work/begun" 2>"$work/err" &
    started+=("$!")
    exec {shown}<"$work/begun"
    read -r line <&"$shown"
    kill -"$signal" "$!"
    cat <&"$shown" >"$work/out"
    exec {shown}<&-
    status=0
    wait "$!" || status=$?
    [[ $line == begun && $status -le 1 ]] || broken "status $status on $signal"
    warns 'killed by signal'
    says 'zeropool is ' # in force; or it left no report: the signal came before it had published its counters
    ! compgen -G "$work/zeropool-check-*" >/dev/null || broken "$signal leaves the folder of the reports behind"
    rm "$work/begun"
done
# One that is killed cannot remove its folder. The next start does, but neither that of one that runs, nor what
# else is there.
export TMPDIR=$work/tmp
mkdir -p "$TMPDIR/zeropool-check-lonely" "$TMPDIR/zeropool-check-readme" # of the user's own, by chance
chmod 700 "$TMPDIR/zeropool-check-readme"
touch "$TMPDIR/zeropool-check-readme/notes"
kept=$(ls "$TMPDIR")
start killed "$zeropool" check -- "$hold_program"
folder=$(comm -13 <(echo "$kept") <(ls "$TMPDIR"))
touch "$TMPDIR/$folder/1234.1234.new" # a report that was being written
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
left_over=$hold # its program runs on, and writes no report any more
start running "$zeropool" check -- "$hold_program"
[[ ! -e $TMPDIR/$folder ]] || broken "the folder of one that was killed stays"
running=$(comm -13 <(echo "$kept") <(ls "$TMPDIR"))
[[ $running ]] || broken "no folder while the program runs"
ends 0 "$zeropool" check -- "$hold_program"
[[ -d $TMPDIR/$running ]] || broken "the folder of one that runs is gone"
close
[[ $(ls "$TMPDIR") == "$kept" && -e $TMPDIR/zeropool-check-readme/notes ]] || broken "what is left: $(ls -R "$TMPDIR")"
unset TMPDIR
exec {left_over}>&-
# A caller that ignores the end of its children does not keep it from being known. The program finds that ignored, too.
ends 0 python3 "$work/with_signal" SIGCHLD SIG_IGN "$zeropool" check --json -- python3 -c 'import signal, sys
print(signal.getsignal(signal.SIGCHLD).name, file=sys.stderr); sys.exit(9)'
warns 'ended with status 9'
warns SIG_IGN
ends 0 python3 "$work/with_signal" SIGCHLD SIG_IGN "$zeropool" compare --json --rounds 3 -- true
holds 'it["sides"][0]["page_faults"]["lowest"] > 0'
