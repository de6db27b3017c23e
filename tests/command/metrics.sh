#!/usr/bin/env bash
# zeropool metrics that writes what Prometheus refuses, a file that is there in part, or an answer to a wrong request.
# usage: metrics.sh HOLD
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"

start served "$zeropool" run --live on -- "$1"
served=$pid
for ((i = 0; i < 600; i++)); do
    ends 0 "$zeropool" metrics "$served"
    ! grep -q "^zeropool_gets_total{pid=\"$served\"" "$work/out" || break
    sleep 0.1
done
says "zeropool_info{pid=\"$served\""

# The format: names, one HELP and one TYPE before the samples of each, numbers, no sample twice.
cat >"$work/lint.py" <<'END'
import re, sys
known, closed, seen, last = {}, set(), set(), None
name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
for line in open(sys.argv[1], encoding="utf-8"):
    assert line.endswith("\n"), "no line end at the end"
    line = line[:-1]
    if (found := re.fullmatch(f"# HELP ({name}) (.+)", line)):
        assert found[1] not in known, line
        known[found[1]] = None
    elif (found := re.fullmatch(f"# TYPE ({name}) (counter|gauge)", line)):
        assert known.get(found[1], 0) is None, line
        assert (found[2] == "counter") == found[1].endswith("_total"), line
        known[found[1]] = found[2]
        last = found[1]
    else:
        found = re.fullmatch(rf"({name})\{{({label}(?:,{label})*)\}} (\d+(?:\.\d+)?)", line)
        assert found, line
        assert found[1] == last, "not behind its TYPE: " + line
        assert (found[1], found[2]) not in seen, "twice: " + line
        seen.add((found[1], found[2]))
assert known and seen
END
python3 "$work/lint.py" "$work/out" || broken "not the format of Prometheus"
if command -v promtool >/dev/null; then
    promtool check metrics <"$work/out" || broken "promtool refuses it"
fi

# ---- A file: complete, with its name and a mode that the collector can read, and nothing beside it
mkdir "$work/textfile"
ends 0 "$zeropool" metrics --textfile "$work/textfile/zeropool.prom"
python3 "$work/lint.py" "$work/textfile/zeropool.prom" || broken "the file is not in the format"
[[ $(ls "$work/textfile") == zeropool.prom ]] || broken "files beside it"
[[ $(stat -c %a "$work/textfile/zeropool.prom") == 644 ]] || broken "mode"
ln -s behind "$work/textfile/link"
ends 0 "$zeropool" metrics --textfile "$work/textfile/link"
[[ -L $work/textfile/link && -s $work/textfile/behind ]] || broken "a link is replaced"
ends 125 "$zeropool" metrics --textfile "$work/none/zeropool.prom"
ends 125 "$zeropool" metrics --textfile "$work/textfile"
[[ $(ls "$work") != *textfile.* ]] || broken "a draft is left behind"

# ---- HTTP: wrong requests are answered and do not use it up, the right one ends it
: >"$work/listening" # it is looked into before the command may have begun
"$zeropool" metrics --listen 0 2>>"$work/listening" &
server=$!
started+=("$server")
for ((i = 0; i < 600; i++)); do
    port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$work/listening")
    [[ -z $port ]] || break
    sleep 0.1
done
[[ $port ]] || broken "does not listen: $(<"$work/listening")"
ask() { # REQUEST: the answer goes to $work/answer
    exec {peer}<>"/dev/tcp/127.0.0.1/$port"
    printf '%b' "$1" >&"$peer"
    cat <&"$peer" >"$work/answer"
    exec {peer}>&-
}
answers() { [[ $(head -n 1 "$work/answer") == "HTTP/1.1 $1"* ]] || broken "answer: $(head -n 1 "$work/answer")"; }
ask 'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n' && answers 404
ask 'GET /metricsx HTTP/1.1\r\n\r\n' && answers 404
ask 'POST /metrics HTTP/1.1\r\n\r\n' && answers 405
ask '\r\n\r\n' && answers 405
kill -0 "$server" || broken "a wrong request has ended it"
ask 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n' && answers 200
sed '1,/^\r$/d' "$work/answer" >"$work/body"
python3 "$work/lint.py" "$work/body" || broken "the answer is not in the format"
length=$(sed -n 's/^Content-Length: \([0-9]*\)\r$/\1/p' "$work/answer")
[[ $length -eq $(stat -c %s "$work/body") ]] || broken "Content-Length $length"
wait "$server" || broken "status $?"

ends 1 "$zeropool" metrics $$
warns 'ZEROPOOL_LIVE=on'
exec {hold}>&-
wait "$served"
