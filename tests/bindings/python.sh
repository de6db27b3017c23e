#!/usr/bin/env bash
# zeropool.buffer does not work: with the library of the package, the system's, the preloaded one; or does not say that there is none.
# usage: python.sh SOURCE_FOLDER FOLDER_OF_LIBRARIES
set -euo pipefail

source=$1 libraries=$2
python=/usr/bin/python3
[[ -x $python ]] || {
    echo "skipped: no $python here"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LD_PRELOAD LD_LIBRARY_PATH
mkdir "$work/zeropool"
cp "$source"/python/zeropool/*.py "$work/zeropool"
export PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1

complain() {
    printf '%s\n' "$*"
    exit 1
}

passes() { # WHAT COMMAND...
    "${@:2}" >"$work/log" 2>&1 || complain "$1: $(<"$work/log")"
}

# Which library a process uses, of those that it has loaded.
used() { # ASSIGNMENT...
    env "$@" "$python" -c '
import zeropool
zeropool.buffer(1 << 20)
print(*{line.split("/")[-1].strip() for line in open("/proc/self/maps") if "libzeropool" in line})'
}

# No library: an error that says so, and all else works.
said=$("$python" -c '
import zeropool
assert zeropool.command().endswith("/zeropool") and zeropool.library().endswith("/libzeropool_preload.so")
for _ in range(2):
    try:
        zeropool.buffer(5)
    except ImportError as error:
        print(error)' 2>&1)
[[ $(grep -c '^zeropool.buffer needs libzeropool.so, or a program .* cannot open shared object' <<<"$said") -eq 2 && $(wc -l <<<"$said") -eq 2 ]] || complain "without a library: $said"

[[ $(used LD_PRELOAD="$ZP_LIBRARY") == libzeropool_preload.so ]] || complain 'preloaded, alone'
[[ $(used LD_LIBRARY_PATH="$libraries") == libzeropool.so.0* ]] || complain "the system's: $(used LD_LIBRARY_PATH="$libraries")"
ln -s "$libraries/libzeropool.so" "$work/zeropool/libzeropool.so"
[[ $(used A=) == libzeropool.so* ]] || complain "the package's: $(used A=)"
[[ $(used LD_PRELOAD="$ZP_LIBRARY") == libzeropool_preload.so ]] || complain 'two libraries are loaded'

passes "the package's library" "$python" "$source/tests/bindings/buffer.py"
passes 'preloaded' env LD_PRELOAD="$ZP_LIBRARY" "$python" "$source/tests/bindings/buffer.py"
# What is used after its return is inaccessible then.
passes 'preloaded, with CHECK=full' env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_CHECK=full \
    "$python" "$source/tests/bindings/buffer.py" Views With Collector
"$python" - <<'END'
from importlib.util import find_spec
missing = [name for name in ("numpy", "torch") if find_spec(name) is None]
if missing:
    print("skipped: no", *missing, "here (the rest was tested)")
    raise SystemExit(77)
END
