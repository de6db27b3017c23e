#!/usr/bin/env bash
# Python's functions have no names although Python gives them; or nothing says what is missing.
# usage: python.sh ZEROPOOL
set -euo pipefail

zeropool=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >program.py <<'END'
def innermost(size):
    return bytearray(size)
def middle(size):
    return innermost(size)
def outermost():
    for _ in range(3):
        middle(5 << 20)
outermost()
END

fail() {
    echo "$*"
    exit 1
}

record() { # PYTHON
    "$zeropool" record --library "$ZP_LIBRARY" --output profile -- "$1" program.py
}

remove_map() {
    rm -f "/tmp/perf-$(sed -n 's/^pid //p' profile).map"
}

knows_perf() { # PYTHON
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12) or not sys.is_stack_trampoline_active() and sys.activate_stack_trampoline("perf") is not None)' 2>/dev/null
}

tried=0
for python in /usr/bin/python3 /usr/bin/python3.1[2-9] "${HOME:-/}"/.pyenv/versions/3.1[2-9]*/bin/python3; do
    [[ -x $python ]] || continue
    if knows_perf "$python"; then
        record "$python"
        "$zeropool" report --folded profile >folded
        remove_map
        grep -q ';<module>;.*;outermost;.*;middle;.*;innermost;' folded || fail "$python: $(cat folded)"
        tried=$((tried + 1))
    else
        record "$python"
        "$zeropool" report profile >text
        grep -q "Python's functions have no names here" text || fail "$python: $(cat text)"
    fi
done
if [[ $tried == 0 ]]; then
    echo 'no Python here that names its functions (3.12 or newer): skipped'
    exit 77
fi
