#!/usr/bin/env bash
# With ZEROPOOL_INHERIT=0: a program whose environment still names the library, or has lost another one; a child
# that has the library all the same; a program that lost it itself. With 1 or a bad value: a child without it.
# usage: inherit.sh AUDITOR TEST_PROGRAM
set -euo pipefail

auditor=$(realpath "$1") program=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LD_PRELOAD GLIBC_TUNABLES ZEROPOOL_INHERIT
failed=0

fail() {
    echo "$1"
    failed=1
}

# shellcheck disable=SC2016 # for the inner shell
has='[[ $(</proc/$$/maps) == *libzeropool* ]]'

# left EXPECTED [NAME=VALUE...]: what a program finds in LD_PRELOAD; it has the library itself, and still shows how
# it was started
left() {
    local found
    # shellcheck disable=SC2016
    found=$(env "${@:2}" bash -c "$has"' || echo no library; tr "\0" "\n" </proc/$$/environ | grep -q ^LD_PRELOAD= ||
        echo changed; echo "${LD_PRELOAD-unset}"' 2>"$work/err") || true
    [[ $found == "$1" ]] || fail "not '$1' but '$found': ${*:2}"
    [[ ${says:-} || ! -s $work/err ]] || fail "said: $(<"$work/err")"
}

library=$ZP_LIBRARY name=$(basename "$ZP_LIBRARY") off=ZEROPOOL_INHERIT=0
ln -s "$library" "$work/pool.so"
for other in more "$name.1"; do
    ln -s "$auditor" "$work/$other" # any library that is not ours
done
cd "$(dirname "$library")"

left unset $off LD_PRELOAD="$library"
left unset $off LD_PRELOAD=" $library:"
left unset $off LD_PRELOAD="./$name"
left unset $off LD_PRELOAD="$name" LD_LIBRARY_PATH="$PWD"
left unset $off LD_PRELOAD="$work/pool.so"
left unset $off LD_PRELOAD=pool.so LD_LIBRARY_PATH="$work"
left unset $off LD_PRELOAD="$library:$work/pool.so $name" LD_LIBRARY_PATH="$PWD"
left unset $off LD_PRELOAD="$work/pool.so:$library"
left unset $off LD_PRELOAD="$library" ZEROPOOL_ENABLE=0
left "$work/more" $off LD_PRELOAD="$library:$work/more"
left "$work/more" $off LD_PRELOAD="$work/more $library"
left "libm.so.6 libdl.so.2" $off LD_PRELOAD="libm.so.6 $library:libdl.so.2"
left "libm.so.6:$work/more:libdl.so.2" $off LD_PRELOAD="libm.so.6:$work/pool.so $work/more:libdl.so.2"
left "$work/$name.1" $off LD_PRELOAD="$library $work/$name.1"
left "$library" ZEROPOOL_INHERIT=1 LD_PRELOAD="$library"
left "$work/more:$library" LD_PRELOAD="$work/more:$library"
says=1 left "$library" ZEROPOOL_INHERIT=no LD_PRELOAD="$library"
grep -qx 'zeropool: ZEROPOOL_INHERIT=no: expected 0 or 1; using 1' "$work/err" || fail "no warning: $(<"$work/err")"

for pair in 0:without 1:with; do
    LD_PRELOAD=$library ZEROPOOL_INHERIT=${pair%:*} "$program" "${pair#*:}" || fail "children with $pair"
done

# Python's own copy of the environment, and with one that it changed.
cat >"$work/start.py" <<'END'
import os, subprocess, sys

def has(**more):
    return "libzeropool" in subprocess.run(["cat", "/proc/self/maps"], stdout=subprocess.PIPE, text=True, **more).stdout

own = "libzeropool" in open("/proc/self/maps").read()
added = has(env={**os.environ, "LD_PRELOAD": os.environ["ZP_LIBRARY"]})
print(own, has(), has(env=dict(os.environ)), has(preexec_fn=os.getpid), added)
END
python=/usr/bin/python3
if [[ -x $python ]]; then
    found=$(LD_PRELOAD=$library ZEROPOOL_INHERIT=0 $python "$work/start.py")
    [[ $found == "True False False False True" ]] || fail "python: $found"
    found=$(LD_PRELOAD=$library $python "$work/start.py")
    [[ $found == "True True True True True" ]] || fail "python, inherited: $found"
fi

# The restart for LD_AUDIT keeps the library, and what is started then lacks it.
if LD_AUDIT=$auditor true 2>"$work/err" && [[ ! -s $work/err ]]; then
    LD_AUDIT=$auditor LD_PRELOAD=$library ZEROPOOL_INHERIT=0 "$program" without 2>"$work/err" || fail "audited"
    [[ $(grep -c '^zeropool: LD_AUDIT' "$work/err") -eq 1 ]] || fail "not one restart: $(<"$work/err")"
fi
exit $failed
