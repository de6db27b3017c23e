#!/usr/bin/env bash
# A call from inside the library to one of its own public names: another library in front that wraps malloc sees that
# call as the program's, counts the request twice, or puts a header before a block that it will be asked to free
# without one. Every such call is a relocation against a name that the library itself defines.
set -euo pipefail
command -v readelf >/dev/null || { echo 'skipped: no readelf here'; exit 77; }

# hooks.c calls by these names so that others hear it; jemalloc_stats.c tries where the program's malloc leads;
# operators_derived.c calls what the program may have replaced; nobody calls what audit.c has a pointer to.
meant='mmap munmap mremap madvise zeropool_audited
    malloc free
    _Znwm _ZnwmSt11align_val_t _Znam _ZnamSt11align_val_t
    _ZdlPv _ZdlPvSt11align_val_t _ZdaPv _ZdaPvSt11align_val_t'

found=$(comm -12 \
    <(readelf -rW "$ZP_LIBRARY" | awk '$3 ~ /^R_/ && NF > 4 { sub(/@.*/, "", $5); print $5 }' | sort -u) \
    <(nm -D --defined-only "$ZP_LIBRARY" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u))
if ! grep -qx free <<<"$found"; then
    echo "the deliberate call is not seen; these are: $found"
    exit 1
fi
if ! diff <(tr -s ' \n' '\n' <<<"$meant" | sort) - <<<"$found"; then
    echo '^ calls that are meant, and those that are there'
    exit 1
fi

# Of these, malloc and free in one function alone, and in the unwinder that jemalloc's archive brings along.
command -v objdump >/dev/null || exit 0
callers=$(objdump -d --no-show-raw-insn "$ZP_LIBRARY" | awk '
    /^[0-9a-f]+ <.*>:$/ { inside = $2 }
    /(call|jmp|bl|b) .*<(malloc|free)@plt>/ { print inside }' | sort -u |
    grep -vE '^<(__(de)?register_frame.*|search_object)>:$')
[[ $callers == '<zp_serves_program>:' ]] || {
    echo "these call malloc or free by the public name: $callers"
    exit 1
}
