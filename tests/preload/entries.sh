#!/usr/bin/env bash
# malloc and free that jump to jemalloc although its code could be moved, or code that is moved although it cannot be.
# usage: entries.sh ENTRIES_PY
set -euo pipefail

entries=$1
skip() {
    echo "skipped: $1"
    exit 77
}
[[ $(uname -m) == x86_64 ]] || skip 'only for x86-64'
command -v gcc >/dev/null || skip 'no gcc here'
command -v objdump >/dev/null || skip 'no objdump here'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

answer() { # MALLOC FREE: what is said of an archive with these functions, in C
    printf 'void helper(void); extern int table[]; static int own; int *use(void) { return &own; }\n%s\n%s\n' \
        "$1" "$2" | gcc -O2 -fPIC -fcf-protection=none -x c -c -o "$work/jemalloc.pic.o" -
    rm -f "$work/lib.a"
    ar rc "$work/lib.a" "$work/jemalloc.pic.o"
    "$entries" --check "$work/lib.a"
}
plain='void free(void *p) { if (p) ((int *)p)[1] = table[2]; }'
expect() { # yes|no MALLOC FREE
    local said
    said=$(answer "$2" "$3")
    [[ ${said%%:*} == "$1" ]] || { echo "$said, not $1: $2 $3" && exit 1; }
}
expect yes 'void *malloc(unsigned long n) { return table + n; }' "$plain"
expect no 'void *malloc(unsigned long n) { helper(); return table + n; }' "$plain" # needs a frame
expect no 'void *malloc(unsigned long n) { own = (int)n; return 0; }' "$plain"     # what has no name outside
expect no '' "$plain"

# In the library neither has a jump to jemalloc's own, which is there for the others.
code=$(objdump -d --no-show-raw-insn "$ZP_LIBRARY")
grep -q 'j.* <zp_je_malloc>' <<<"$code" || skip 'built with another jemalloc'
for name in malloc free; do
    body=$(awk -v name="$name" '$2 ~ "^<(__libc_)?" name ">:$" { p = 1 } /^$/ { p = 0 } p' <<<"$code")
    if [[ -z $body ]] || grep -q "<zp_je_$name>" <<<"$body"; then
        echo "$name jumps to jemalloc, or is not there: $body"
        exit 1
    fi
done
