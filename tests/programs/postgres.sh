#!/usr/bin/env bash
# PostgreSQL that answers something else, loses what was committed, or cannot recover after a crash.
set -euo pipefail

same=$(dirname "$0")/same.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bin=$(find /usr/lib/postgresql -name initdb -printf '%h\n' 2>/dev/null | sort -V | tail -1)
[[ $bin ]] || { echo 'skipped: no postgresql here'; exit 77; }
user=()
if [[ $(id -u) == 0 ]]; then
    id postgres >/dev/null 2>&1 || { echo 'skipped: no user postgres here'; exit 77; }
    user=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
# The user may not be allowed into the folder of the build.
chmod 755 "$work"
cp "$ZP_LIBRARY" "$work/libzeropool_preload.so"
export ZP_LIBRARY=$work/libzeropool_preload.so

cat >"$work/queries" <<'SQL'
\pset format unaligned
-- Values of many megabytes: built, compressed into a table, read back.
create table big as select i, repeat(md5(i::text), 100000 + i) as t from generate_series(1, 8) as i;
select i, length(t), md5(t) from big order by i;
select length(string_agg(t, ',' order by i)), md5(string_agg(t, ',' order by i)) from big;
update big set t = reverse(t) where i % 2 = 0;
select md5(string_agg(md5(t), '' order by i)) from big;
-- Sorts and hashes in memory, by parallel workers too.
set work_mem = '64MB';
set max_parallel_workers_per_gather = 2;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
create table rows as select i, md5(i::text) as t from generate_series(1, 200000) as i;
analyze rows;
select t from rows order by t offset 100000 limit 3;
select count(*), sum(a.i) from rows a join rows b on a.t = md5(b.i::text);
select left(t, 2) as start, count(*), max(t) from rows group by 1 order by 1 limit 5;
create index on rows (t);
select count(distinct left(t, 4)), md5(string_agg(t, '' order by t)) from rows;
select md5(array_agg(i order by t)::text), md5(jsonb_agg(t order by i)::text) from rows where i < 50000;
SQL

# What runs without and with the library; run as postgres it makes its own folder.
cat >"$work/script" <<'SCRIPT'
set -euo pipefail
bin=$1 queries=$2 transactions=$3
data=$(mktemp -d)
trap '"$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$data"' EXIT
cd "$data"
export PGCTLTIMEOUT=300 # seconds: of a machine with other work
export PGHOST=$data PGUSER=me PGDATABASE=postgres PGOPTIONS='-c client_min_messages=error'
start() {
    ZEROPOOL_STATS=exit "$bin/pg_ctl" -D "$data/base" -l "$data/log" -w -o "-c listen_addresses= -k $data -c fsync=off \
        -c full_page_writes=off -c shared_buffers=64MB -c autovacuum=off" start >/dev/null \
        2>&1 || { cat "$data/log"; exit 1; }
}

"$bin/initdb" -D "$data/base" -U me -A trust -N --no-instructions --locale=C -E UTF8 | grep -v "$data"
mkdir -p "$data/base"
start
# All processes of the server must have the library, and make large requests.
if [[ ${LD_PRELOAD:-} ]]; then
    for pid in $(head -1 "$data/base/postmaster.pid") $(pgrep -P "$(head -1 "$data/base/postmaster.pid")"); do
        grep -q zeropool "/proc/$pid/maps"
    done
fi
"$bin/psql" -X -q -v ON_ERROR_STOP=1 <"$queries"
"$bin/pgbench" -q -i -s 2 2>/dev/null
"$bin/pgbench" -n -c 4 -j 2 -t "$transactions" 2>&1 | grep -E 'processed|failed'
sums="select (select sum(delta) from pgbench_history) = (select sum(bbalance) from pgbench_branches),
    (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers),
    (select count(*) from pgbench_history)"
"$bin/psql" -X -q -c "$sums"
"$bin/pg_ctl" -D "$data/base" -m immediate stop >/dev/null # as after a crash
start
"$bin/psql" -X -q -c "$sums" -c 'select md5(string_agg(md5(t), $$$$ order by i)) from big'
"$bin/pg_dump" -t big -t rows | grep -vE '^(--|.(un)?restrict)' | md5sum # random: restrict
"$bin/pg_ctl" -D "$data/base" -m fast stop >/dev/null
# A connection that its client has just closed may still be open to the server: stopping says so.
if grep -E 'terminated by signal|PANIC|FATAL' "$data/log" | grep -v 'due to administrator command'; then exit 1; fi
if [[ ${LD_PRELOAD:-} ]]; then grep -q 'large requests  *[1-9]' "$data/log"; fi
SCRIPT
transactions=$((${ZP_SOAK:-0} ? 5000 : 300))
"$same" "${user[@]}" bash "$work/script" "$bin" "$work/queries" "$transactions"
