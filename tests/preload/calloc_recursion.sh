#!/usr/bin/env bash
# The compiler turning malloc and memset in our calloc into a call of calloc, which never ends.
set -euo pipefail
command -v objdump >/dev/null || { echo 'skipped: no objdump here'; exit 77; }

code=$(objdump -d --no-show-raw-insn "$ZP_LIBRARY")
body=$(awk '/^[0-9a-f]+ <(__libc_)?calloc(_[a-z_.0-9]+)?>:$/ { inside = 1 } /^$/ { inside = 0 } inside' <<<"$code")
if ! grep -qE '<(__libc_)?calloc>:' <<<"$body"; then
    echo 'no calloc found in the disassembly'
    exit 1
fi
if grep -E '[[:space:]](call|jmp|bl?) .*<(__libc_)?(malloc|calloc)(@plt)?>' <<<"$body"; then
    echo '^ calloc asks the program for memory'
    exit 1
fi
