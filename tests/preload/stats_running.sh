#!/usr/bin/env bash
# Reports of a program that runs on: at intervals and on a signal, without harm to the program.
# usage: stats_running.sh REPORTING
# shellcheck disable=SC1091,SC2034,SC2154 # of reporting.sh, and for it
source "$(dirname "$0")/reporting.sh"

reporting=$(realpath "$1")
cd "$work" || exit

has_requests() { # FILE NUMBER
    grep -q "\"fresh\": 1,\$" "$1" && grep -q "\"puts\": $2,\$" "$1"
}

# At intervals, although it makes no request meanwhile.
start ZEROPOOL_STATS=./often.json ZEROPOOL_STATS_FORMAT=json ZEROPOOL_STATS_INTERVAL_MS=20
until_holds has_requests often.json 1
tell get
until_holds has_requests often.json 2
rm -f often.json
until_holds has_requests often.json 2
finish

# On a signal, as often as it comes, to a file and to stderr.
start ZEROPOOL_STATS=./asked.json ZEROPOOL_STATS_FORMAT=json ZEROPOOL_STATS_SIGNAL=USR1
[[ ! -e asked.json ]] || fail "a report without a signal"
kill -USR1 "$pid"
until_holds has_requests asked.json 1
tell get
kill -USR1 "$pid"
until_holds has_requests asked.json 2
finish

start ZEROPOOL_STATS_SIGNAL=RTMIN
kill -RTMIN "$pid"
until_holds grep -q 'large requests       1, 3.0 MiB' stderr
finish
[[ $(grep -c '^zeropool' stderr) == 1 ]] || fail "a report that was not asked for"

# The program's own handler stays, and so does a signal that is ignored.
start ZEROPOOL_STATS=exit ZEROPOOL_STATS_SIGNAL=USR1
tell handler
kill -USR1 "$pid"
await own
finish
[[ $(grep -c '^zeropool' stderr) == 1 ]] || fail "a report although the program handles the signal"
trap '' USR1
start ZEROPOOL_STATS_SIGNAL=USR1
kill -USR1 "$pid"
tell get
finish
trap - USR1
[[ ! -s stderr ]] || fail "a report although the signal is ignored"

# A child answers for itself, with its own numbers, once it has made a request.
start ZEROPOOL_STATS=./of.%p.json ZEROPOOL_STATS_FORMAT=json ZEROPOOL_STATS_SIGNAL=USR1
echo fork >&4
await child
child=$who
kill -USR1 "$child"
until_holds grep -q '"puts": 1,$' "of.$child.json"
await did
echo end >&4 # the child's, then its parent's
await did
finish
[[ -e of.$pid.json ]] || fail "no report of the parent"

# Many signals at once, in a program that allocates all the time, end nothing.
start ZEROPOOL_STATS=./storm.json ZEROPOOL_STATS_FORMAT=json ZEROPOOL_STATS_SIGNAL=USR1 ZEROPOOL_ZERO=background
for _ in {1..300}; do
    echo get >&4
    kill -USR1 "$pid"
done
for _ in {1..300}; do
    await did
done
finish
grep -q '"puts": 301,$' storm.json || fail "a request was lost"
