#!/usr/bin/env bash
# A function of glibc's malloc family that the library lacks: its pointers would be foreign to our free.
# Or a name of ours that gets in the way of the program's: but for malloc's family the library has only the
# calls it watches to know what the program does to a buffer's pages, those that fill them, dlopen, what
# registers fork handlers, and C++'s operators, all of those. Or a name of libc's that has a version of ours: a
# program that asks for libc's version would be passed by.
# usage: exports.sh core/zeropool.h libzeropool.so
set -euo pipefail
header=$1 linked=$2

exported_by() {
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u
}

libc=$(ldd "$ZP_LIBRARY" | awk '$1 == "libc.so.6" { print $3 }')
family='^(__libc_)?((m|c|re|v|pv|aligned_)alloc|reallocarray|(posix_)?memalign|c?free|mall(oc_|info|opt).*)$'
gone='^malloc_[gs]et_state$' # no program can be linked against these since 2.25
watched='^(madvise|mlock2?|(pkey_)?mprotect|mmap(64)?|munmap|mremap|process_madvise|mseal|shm(at|dt)|ioctl|syscall|dlopen|prctl|fork|__register_atfork)$'
filled='^((__)?(p?read(64)?|fread(_unlocked)?)(_chk)?|readv|preadv(64)?(v?2)?)$'
operators='^_Z(n[wa]|d[la])'
of_c23='^free(_aligned)?_sized$'
own='^(zeropool_[a-z_]+|__posix_memalign)$' # tools ask for the second, though glibc no longer has it
glibc=$(exported_by "$libc" | grep -E "$family" | grep -vE "$gone")
ours=$(exported_by "$ZP_LIBRARY")

if (($(wc -l <<<"$glibc") < 25)); then
    echo "too few functions found in $libc: $glibc"
    exit 1
fi
missing=$(comm -23 <(echo "$glibc") <(echo "$ours"))
surplus=$(comm -13 <(echo "$glibc") <(echo "$ours") | grep -vE "$watched|$filled|$operators|$of_c23|$own" || true)
if [[ $missing$surplus ]]; then
    echo "missing: ${missing:-none}; surplus: ${surplus:-none}"
    exit 1
fi

# An A stands before the names of the versions themselves.
versions=$(nm -D --defined-only "$ZP_LIBRARY" | awk '$2 != "A" && ($3 ~ /@/ || $3 ~ /^zeropool_/) { print $3 }' | sort)
# What zeropool.h declares, and what is for nobody else.
promised=$(sed -nE 's/^[a-z].*[ *](zeropool_[a-z_]+)\(.*/\1@@ZEROPOOL_0.1/p' "$header")
private=$'zeropool_audited@@ZEROPOOL_PRIVATE\nzeropool_calls@@ZEROPOOL_PRIVATE'
if ! diff <(sort <<<"$promised"$'\n'"$private") <(echo "$versions"); then
    echo "^ the names of zeropool.h, and those that the library shows"
    exit 1
fi
# A program that is linked with libzeropool.so finds the same names with the same versions there.
if ! diff <(sort <<<"$promised") <(nm -D --defined-only "$linked" | awk '$2 != "A" { print $3 }' | sort); then
    echo "^ the names of zeropool.h, and those of $linked"
    exit 1
fi

runtime=$(ldconfig -p 2>/dev/null | awk '$1 == "libstdc++.so.6" && /x86-64|AArch64/ && !seen++ { print $NF }')
[[ -f $runtime ]] || { echo 'skipped: no libstdc++ here to compare operators with (the rest was compared)'; exit 77; }
if ! diff <(exported_by "$runtime" | grep -E "$operators") <(grep -E "$operators" <<<"$ours"); then
    echo "^ operators of $runtime and ours"
    exit 1
fi
