#!/usr/bin/env bash
# Programs that run under a limit on their memory and no longer do so with the library.
# usage: limits.sh LIMITS
set -euo pipefail

limits=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run_limited() { # LETTER MIB COMMAND...: under a limit of ulimit's
    (ulimit "-$1" $(($2 * 1024)) && exec "${@:3}")
}

# same LETTER MIB COMMAND...: works, and puts out the same. Of the library at most the one warning.
same() {
    run_limited "$@" >"$work/without" 2>&1 || {
        echo "fails without the library already, with a limit of $2 MiB: ${*:3}"
        exit 1
    }
    run_limited "$1" "$2" env LD_PRELOAD="$ZP_LIBRARY" "${@:3}" >"$work/with" 2>&1 ||
        echo "status $?" >>"$work/with"
    if ! diff "$work/without" <(grep -vxF "$warning" "$work/with"); then
        echo "^ differs with a limit of $2 MiB: ${*:3}"
        exit 1
    fi
}

warning='zeropool: no address space for the pool; every request goes to jemalloc'
python='
data = [bytes(3_000_000) for _ in range(20)]
text = "".join(str(i) for i in range(600_000))
print(len(text), sum(map(len, data)), sorted(text)[3_000_000])'

for letter in v d; do # address space, data
    for mib in 1024 256 200; do
        same $letter $mib ls /
        same $letter $mib /usr/bin/python3 -c "$python"
    done
    same $letter 64 ls /
done
same d 16 ls /
same v 8192 "$limits" hundred

# More than there is of memory: the kernel's rule of thumb decides, as it does for glibc.
if (($(</proc/sys/vm/overcommit_memory) == 0)); then
    same c 0 "$limits" hundred
fi
