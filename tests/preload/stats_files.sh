#!/usr/bin/env bash
# A report that is not written to its file, not as a whole, in another format than asked for, or at the cost
# of the program.
# usage: stats_files.sh KNOWN_NUMBERS REPORTING
set -euo pipefail

known=$(realpath "$1") reporting=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

run() { # NAME=VALUE... PROGRAM...
    env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_TLS_CACHE=4 ZEROPOOL_MAX_MEMORY=1G ZEROPOOL_DECAY_MS=-1 "$@"
}

fail() {
    echo "$*"
    exit 1
}

python=(python3 -B -c)
value() { # FILE PATH: a value in a JSON file
    "${python[@]}" 'import json, sys
value = json.load(open(sys.argv[1]))
for name in sys.argv[2].split("."):
    value = value[int(name) if isinstance(value, list) else name]
print(value)' "$1" "$2"
}

expect() { # WANTED FILE PATH
    [[ $(value "$2" "$3") == "$1" ]] || fail "$3 is $(value "$2" "$3"), not $1"
}

# JSON: a relative name, taken from where the program started; the number of the process.
run ZEROPOOL_STATS=./report.%p.json ZEROPOOL_STATS_FORMAT=json "$known"
report=$(echo report*)
[[ $report =~ ^report\.([0-9]+)\.json$ ]] || fail "not one file, with a number: $report"
expect 1 "$report" schema
expect "${BASH_REMATCH[1]}" "$report" pid
expect known_numbers "$report" program
expect running "$report" state
expect 16 "$report" counters.fresh
expect 1 "$report" counters.refused
expect 32 "$report" counters.puts
expect 67108864 "$report" counters.bytes_requested
expect 0.5 "$report" hit_rates.overall
expect 0 "$report" classes.0.live
puts=0
for place in puts_cached puts_shard puts_queued puts_quarantined unretained dropped; do
    puts=$((puts + $(value "$report" "counters.$place")))
done
[[ $puts == 32 ]] || fail "32 puts went to $puts places"

# Prometheus: every line is a comment or a sample, every metric has its type before it, none comes twice.
run ZEROPOOL_STATS=./app.prom ZEROPOOL_STATS_FORMAT=prometheus "$known"
awk '
    /^# HELP zeropool_[a-z_]+ ./ { next }
    /^# TYPE zeropool_[a-z_]+ (counter|gauge)$/ { if ($3 in type) bad = 1; type[$3] = $4; last = $3; next }
    /^zeropool_[a-z_]+\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\} [0-9]+(\.[0-9]+)?$/ {
        name = substr($1, 1, index($1, "{") - 1)
        if (name != last || $1 in seen) bad = 1
        seen[$1] = 1; samples++; next
    }
    { bad = 1; print "no sample: " $0 }
    END { exit bad || samples < 50 }' app.prom || fail "not what Prometheus reads"
grep -q "^zeropool_gets_total{pid=\"[0-9]*\",program=\"known_numbers\",source=\"fresh\"} 16$" app.prom
if command -v promtool >/dev/null; then
    promtool check metrics <app.prom
fi

# Text goes into a file, too, and replaces what was there: as a whole, so that who has it open keeps the old one.
echo old >text.txt
exec 3<text.txt
run ZEROPOOL_STATS=./text.txt "$known"
grep -q 'large requests       33, 64.0 MiB' text.txt
[[ $(cat <&3) == old ]] || fail "the file was written to in place"
exec 3<&-
[[ -z $(compgen -G '*.new') ]] || fail "a file is left over"

# A program that never made a large request, or is elsewhere by then.
run ZEROPOOL_STATS=./none.json ZEROPOOL_STATS_FORMAT=json ls / >/dev/null
expect 'not started' none.json state
mkdir elsewhere
printf 'chdir elsewhere\nend\n' | run ZEROPOOL_STATS=moved.json ZEROPOOL_STATS_FORMAT=json "$reporting" >/dev/null
expect 1 moved.json counters.fresh
[[ -z $(ls elsewhere) ]] || fail "the report went to another folder"

# What cannot be written costs a line, and nothing else.
refused() { # NAME TEXT
    run ZEROPOOL_STATS="$1" "$known" 2>stderr || fail "status $? with $1"
    if [[ $(wc -l <stderr) != 1 ]] || ! grep -q "^zeropool: no report could be written to .*$1: $2" stderr; then
        cat stderr
        fail "^ with $1"
    fi
}
mkfifo nobody.reads
refused nobody.reads 'No such device or address'
refused missing/report.txt 'No such file or directory'
refused /dev/full 'No space left on device'
refused ./elsewhere/. 'Is a directory'

# A limit on the size of files, or a reader that has gone: no signal reaches the program.
(
    ulimit -f 0
    run ZEROPOOL_STATS=./limited.txt "$known" 2>/dev/null
) || fail "status $? with a limit on the size of files"
run ZEROPOOL_STATS=exit bash -c "exec $known 2> >(exec true)" || fail "status $? where nobody reads"

# What is no file is appended to.
ln -s real.txt link.txt
echo before >real.txt
run ZEROPOOL_STATS=./link.txt "$known"
[[ -L link.txt && $(head -1 real.txt) == before ]] || fail "a link was replaced"
grep -q 'large requests' real.txt

# Under a filter of system calls nothing is opened at the end.
printf 'filter\nget\nend\n' | run ZEROPOOL_STATS=./filtered.txt ZEROPOOL_LIVE=on "$reporting" >/dev/null ||
    fail "status $? under a filter"
[[ ! -e filtered.txt ]] || fail "a file was made under a filter"
printf 'filter\nget\nend\n' | run ZEROPOOL_STATS=exit "$reporting" 2>stderr >/dev/null
grep -q 'large requests' stderr || fail "no report on stderr under a filter"
