#!/usr/bin/env bash
# A wheel for aarch64 that does not work there. Programs run under QEMU's emulation of a process, with the libc of
# Debian 11 that the wheel is built with; QEMU is that of Debian 13, as older ones keep a record of each page of the 22 TiB that
# the library reserves. Status 77: this cannot run here, the last line says why.
# usage: aarch64.sh, after scripts/package wheel aarch64
set -euo pipefail
cd "$(dirname "$0")/../.."

root=$PWD/build-package/root-aarch64 emulator=$PWD/build-package/qemu/usr/bin/qemu-aarch64
if [[ ! -x $emulator ]]; then
    scripts/package emulator || {
        echo 'skipped: QEMU of Debian 13 cannot be downloaded'
        exit 77
    }
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
pip=build-package/tools/bin/pip
"$pip" install --quiet --no-index --platform manylinux_2_28_aarch64 --only-binary=:all: --target "$place" \
    dist/zeropool-*_aarch64.whl
library=$place/zeropool/libzeropool_preload.so

# Under a limit on memory, so that an emulator that needs too much harms nobody.
emulated() { # [NAME=VALUE]... PROGRAM...
    local set=()
    while [[ $1 == *=* ]]; do
        set+=(-E "$1")
        shift
    done
    (ulimit -d 8000000 && "$emulator" -L "$root" "${set[@]}" "$@")
}

complain() {
    echo "failed: $*"
    exit 1
}

said=$(emulated "$place/zeropool/zeropool" version) || complain "zeropool version: $said"
[[ $said == 'zeropool '*"$library" ]] || complain "zeropool version: $said"
echo "the command works: ${said%%;*}"

compiler=(aarch64-linux-gnu-gcc --sysroot="$root" -B"$root/usr/lib/aarch64-linux-gnu" -isystem "$root/usr/include/aarch64-linux-gnu"
    -isystem "$root/usr/include" -std=gnu11 -D_GNU_SOURCE -O1 -fno-builtin -I.)

run() { # NAME ENVIRONMENT... -- ARGUMENT...: a program of tests/preload under the library
    local name=$1 status=0 set=()
    shift
    while [[ $1 != -- ]]; do
        set+=("$1")
        shift
    done
    shift
    [[ -x $place/$name ]] || "${compiler[@]}" -o "$place/$name" "tests/preload/$name.c" tests/preload/check.c -pthread -ldl
    said=$(emulated "${set[@]}" LD_PRELOAD="$library" "$place/$name" "$@" 2>&1) || status=$?
    case $status in
        0) echo "passed: $name ${set[*]} $*" ;;
        77) echo "skipped: $name ${set[*]} $*: $(tail -n 1 <<<"$said")" ;;
        *) complain "$name ${set[*]} $*: status $status: $(tail -n 5 <<<"$said")" ;;
    esac
}

# Not fork.c, random.c, reads.c and secrets.c: QEMU ignores advice such as MADV_DONTFORK, and says that it did what was
# asked. The library for x86-64 fails these in the same places under qemu-x86_64, and passes them without.
run libc_names --
run growth --
run threads --
run threads ZEROPOOL_ZERO=background --
