#!/usr/bin/env bash
# Libraries that are preloaded as well and stand in the way of the same calls: libfaketime, libfakeroot and
# libeatmydata, before ours and after it. Programs put out what they put out without ours.
# usage: others.sh TEST_RANDOM: a program that checks itself
set -euo pipefail

random=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C TZ=UTC

skip() {
    echo "skipped: $*"
    exit 77
}

library_of() { # PACKAGE NAME: where the package manager has put it
    dpkg -L "$1" 2>/dev/null | grep -E "/$2\$" | head -n 1 || true # is not there: nothing
}

command -v dpkg >/dev/null || skip "no dpkg here to ask where libraries are"
faketime=$(library_of libfaketime libfaketime.so.1)
faketime_threads=$(library_of libfaketime libfaketimeMT.so.1)
eatmydata=$(library_of libeatmydata1 libeatmydata.so)
[[ $faketime && $faketime_threads && $eatmydata ]] || skip "no libfaketime or no libeatmydata here"
command -v fakeroot >/dev/null || skip "no fakeroot here"

seq 300000 | shuf --random-source=<(yes) >"$work/numbers"
cat >"$work/commands" <<'END'
[ -z "${FAKETIME:-}" ] || date -u +%Y-%m-%d
ls -ln numbers
sort -n numbers | md5sum
/usr/bin/python3 -c 'import os, threading, time; b = [bytearray(3 << 20) for i in range(9)]; t = threading.Thread(target=lambda: b.append(bytes(5 << 20))); t.start(); t.join(); print(sum(map(len, b)), time.strftime("%Y") if "FAKETIME" in os.environ else "")'
tar -cf - --mtime=@0 numbers | md5sum
tar -cf big.tar numbers && dd if=big.tar of=copy bs=2M conv=fsync status=none && cmp big.tar copy && echo same
xz -T2 -1 -c numbers | xz -dc | md5sum
perl -e 'my $x = "a" x 5000000; print length($x . $x), "\n"'
END

run_all() { # NAME COMMAND...: COMMAND runs a shell that runs all commands
    (cd "$work" && timeout -s KILL 600 "${@:2}" bash -e commands >"$1.out" 2>"$1.err") || echo "status $?" >>"$work/$1.out"
}

same() { # AS: output and messages as without the library
    if ! diff "$work/without.out" "$work/$1.out" || ! diff "$work/without.err" "$work/$1.err"; then
        echo "^ $1"
        exit 1
    fi
}

compare() { # OTHER NAME=VALUE...: with OTHER alone, before ours, and after it
    run_all without env "${@:2}" LD_PRELOAD="$1"
    grep -q status "$work/without.out" && {
        cat "$work/without.err"
        skip "fails with $1 alone already"
    }
    run_all first env "${@:2}" LD_PRELOAD="$1 $ZP_LIBRARY"
    run_all last env "${@:2}" LD_PRELOAD="$ZP_LIBRARY $1"
    same first
    same last
}

compare "$eatmydata"
compare "$faketime" FAKETIME='2001-02-03 04:05:06'
compare "$faketime_threads" FAKETIME='@2035-02-03 04:05:06 x1000'

run_all without fakeroot
run_all first env LD_PRELOAD="$ZP_LIBRARY" fakeroot # which puts itself before what is there
run_all last fakeroot env LD_PRELOAD="$ZP_LIBRARY"
same first
# shellcheck disable=SC2016 # for the inner shell
run_all inside fakeroot bash -c 'LD_PRELOAD="$1${LD_PRELOAD:+ $LD_PRELOAD}" exec "${@:2}"' bash "$ZP_LIBRARY"
same inside

# Clocks: one stands still, one runs a thousand times faster.
for clock in '2001-02-03 04:05:06' '@2001-02-03 04:05:06 x1000'; do
    timeout -s KILL 600 env LD_PRELOAD="$faketime_threads $ZP_LIBRARY" FAKETIME="$clock" ZEROPOOL_DECAY_MS=50 \
        ZP_TEST_SEED=1 "$random" >"$work/stdout" || {
        echo "status $? with the clock at '$clock'"
        cat "$work/stdout"
        exit 1
    }
done
