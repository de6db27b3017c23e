#!/usr/bin/env bash
# The live file: what another process sees of a running program, that it goes, and that nothing about it harms
# the program.
# usage: stats_live.sh REPORTING LIVE_READER
# shellcheck disable=SC1091,SC2034,SC2154 # of reporting.sh, and for it
source "$(dirname "$0")/reporting.sh"

reporting=$(realpath "$1") reader=$(realpath "$2")
cd "$work" || exit
mkdir runtime
export XDG_RUNTIME_DIR=$work/runtime
live=$XDG_RUNTIME_DIR/zeropool
READ=0 ABSENT=1 STALE=2

status_of() { # PROCESS
    local status=0
    "$reader" "$1" >shown || status=$?
    echo "$status"
}

shows() { # PROCESS LINE
    [[ $(status_of "$1") == "$READ" ]] && grep -q "$2,\$" shown
}
until_shown() { # PROCESS PUTS
    until_holds shows "$1" "\"puts\": $2"
}

# It comes, follows, is private, and goes with the program.
start ZEROPOOL_LIVE=on
until_shown "$pid" 1
[[ $(stat -c %a "$live" "$live/$pid" | xargs) == '700 600' ]] || fail "others may look"
grep -q '"program": "reporting",$' shown || fail "another program"
tell get
until_shown "$pid" 2
finish
[[ -z $(ls "$live") ]] || fail "it stays"
[[ $(status_of "$pid") == "$ABSENT" ]]

# A child has its own, from its first request on, and leaves its parent's alone.
start ZEROPOOL_LIVE=on
echo fork >&4
await child
child=$who
until_shown "$child" 1
until_shown "$pid" 1
await did
echo end >&4
await did
[[ ! -e $live/$child ]] || fail "the child's stays"
until_shown "$pid" 1
finish

# Killed: who reads removes it, or the next that starts.
for way in reader next; do
    start ZEROPOOL_LIVE=on
    until_shown "$pid" 1
    kill -KILL "$pid"
    exec 3<&- 4>&-
    wait "$pid" 2>/dev/null || true
    [[ -e $live/$pid ]] || fail "nothing was left"
    dead=$pid
    if [[ $way == reader ]]; then
        [[ $(status_of "$dead") == "$STALE" ]] || fail "the dead are shown"
    else
        start ZEROPOOL_LIVE=on
        until_shown "$pid" 1
        finish
    fi
    [[ ! -e $live/$dead ]] || fail "the file of the dead stays ($way)"
done

# Another program in the same process: it has the library, too, and a file of the same name, but of its own.
start ZEROPOOL_LIVE=on
until_shown "$pid" 1
echo "exec $(command -v cat)" >&4
until_holds shows "$pid" '"program": "cat"'
kill -KILL "$pid"
exec 3<&- 4>&-
wait "$pid" 2>/dev/null || true

# No room, no permission: the program goes on. A folder that cannot be written, then the other one is used.
chmod 500 runtime
rm -rf runtime/zeropool 2>/dev/null || true
start ZEROPOOL_LIVE=on XDG_RUNTIME_DIR=/nonexistent
until [[ -e /dev/shm/zeropool-$(id -u)/$pid || -s stderr ]]; do sleep 0.02; done
finish
[[ ! -e /dev/shm/zeropool-$(id -u)/$pid ]] || fail "it stays in /dev/shm"
chmod 700 runtime

# A full /dev/shm, in a mount namespace of its own.
if unshare --mount --map-root-user mount -t tmpfs -o size=4k none /dev/shm 2>/dev/null; then
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --map-root-user env -u XDG_RUNTIME_DIR PROGRAM="$reporting" ZP="$ZP_LIBRARY" bash -c '
        mount -t tmpfs -o size=4k none /dev/shm && head -c 4096 /dev/zero >/dev/shm/full
        printf "get\nget\nend\n" | LD_PRELOAD=$ZP ZEROPOOL_LIVE=on "$PROGRAM" >/dev/null &&
        mount -t tmpfs -o ro none /dev/shm &&
        printf "get\nget\nend\n" | LD_PRELOAD=$ZP ZEROPOOL_LIVE=on "$PROGRAM" >/dev/null' 2>stderr ||
        fail "status $? where /dev/shm is full or read-only: $(cat stderr)"
else
    echo "not tried: a full /dev/shm, no mount namespace here"
fi
