#!/usr/bin/env bash
# A redis-server under the library that loses or mixes up large values, or cannot save them in a fork.
# (Debian's redis-server is linked with libjemalloc: the library comes before it.)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v redis-server >/dev/null || { echo 'skipped: no redis-server here'; exit 77; }
command -v redis-cli >/dev/null || { echo 'skipped: no redis-cli here'; exit 77; }

data=$work/data
head -c 3000000 /dev/urandom | base64 -w0 >"$work/value" # 4,000,000 bytes

cli=(redis-cli -s "$work/socket")

start_server() {
    LD_PRELOAD=$ZP_LIBRARY redis-server --port 0 --unixsocket "$work/socket" --dir "$data" --save '' \
        --logfile "$data/log" --daemonize no &
    server=$!
    until [[ $("${cli[@]}" ping 2>/dev/null) == PONG ]]; do # not yet while it loads
        if ! kill -0 "$server" 2>/dev/null; then
            cat "$data/log"
            exit 1
        fi
        sleep 0.05
    done
}

check_values() {
    local i
    for i in {1..8}; do
        "${cli[@]}" get "key$i" | head -c -1 | cmp - <(printf %s "$i" && cat "$work/value")
    done
}

mkdir "$data"
start_server
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
grep -q zeropool "/proc/$server/maps"
for round in 1 2; do
    for i in {1..8}; do
        [[ $( (printf %s "$i" && cat "$work/value") | "${cli[@]}" -x set "key$i") == OK ]]
    done
    check_values
    [[ $round == 1 ]] && "${cli[@]}" flushall >/dev/null
done

# Many clients at once, with values large and small.
requests=$((${ZP_SOAK:-0} ? 3000 : 100))
for size in 100 1500000; do
    redis-benchmark -s "$work/socket" -n "$requests" -c 8 -r 50 -d "$size" -t set,get,lpush,lpop --csv >"$work/benchmark"
    [[ $(grep -c '^"\(SET\|GET\|LPUSH\|LPOP\)",' "$work/benchmark") == 4 ]]
done
"${cli[@]}" del mylist >/dev/null
check_values

# The save runs in a child, while the parent goes on changing what is shared.
last=$("${cli[@]}" lastsave)
sleep 1.1 # lastsave counts in seconds
"${cli[@]}" bgsave >/dev/null
"${cli[@]}" append key9 x >/dev/null
until [[ $("${cli[@]}" info persistence) == *rdb_bgsave_in_progress:0* ]]; do
    sleep 0.05
done
[[ $("${cli[@]}" lastsave) != "$last" ]]
[[ $("${cli[@]}" info persistence) == *rdb_last_bgsave_status:ok* ]]
"${cli[@]}" shutdown nosave
wait "$server"

start_server # and finds it all again
check_values
"${cli[@]}" shutdown nosave
wait "$server"
