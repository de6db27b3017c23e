#!/usr/bin/env bash
# C++ programs whose new and delete are another allocator's than malloc and free: linked with jemalloc, tcmalloc or
# mimalloc, with one of these preloaded before or behind the library, with a C++ runtime inside, with clang's.
# usage: cpp.sh SOURCE.cpp
set -euo pipefail

source=$1 name=$(basename "$1" .cpp)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LD_PRELOAD
command -v g++ >/dev/null || {
    echo 'skipped: no g++ here'
    exit 77
}

build() { # PROGRAM OPTION...: fails where a library that an option names is not there
    "${compiler:-g++}" -std=c++17 -O1 -fno-builtin -c "$source" -o "$work/$1.o" "${compile[@]}" 2>"$work/log" &&
        "${compiler:-g++}" "$work/$1.o" -o "$work/$1" -pthread "${@:2}" 2>"$work/log"
}

works() { # LIBRARIES PROGRAM [ARGUMENT...]
    local output
    output=$(LD_PRELOAD="$1" timeout -s KILL 100 "$work/$2" "${@:3}" 2>&1) || output+=" (status $?)"
    [[ $output == works ]] && return
    echo "LD_PRELOAD='$1' $2: $output"
    exit 1
}

compile=()
arguments=()
if [[ $name == operators ]]; then
    mapfile -t arguments < <(nm -D --defined-only "$ZP_LIBRARY" | awk '$3 ~ /^_Z(n|d)[wal]/ { print $3 }')
    [[ ${#arguments[@]} -eq 20 ]] || {
        echo "not 20 operators: ${arguments[*]}"
        exit 1
    }
fi
build plain || {
    cat "$work/log"
    exit 1
}
works "" plain # without the library
works "$ZP_LIBRARY" plain "${arguments[@]}"
for option in ZEROPOOL_CHECK=full ZEROPOOL_ENABLE=0 ZEROPOOL_MIN_SIZE=64K; do
    (export "${option?}" && works "$ZP_LIBRARY" plain)
done

for other in libjemalloc.so.2 libtcmalloc_minimal.so.4 libtcmalloc.so.4 libmimalloc.so.2; do
    [[ -z $(LD_PRELOAD=$other true 2>&1) ]] || continue
    works "$ZP_LIBRARY $other" plain "${arguments[@]}"
    # One that comes first has everything, as without the library behind it.
    [[ $name != operators ]] || works "$other $ZP_LIBRARY" plain
    build linked -Wl,--no-as-needed "-l:$other" || continue
    works "$ZP_LIBRARY" linked "${arguments[@]}"
done

if build inside -static-libstdc++ -static-libgcc; then
    works "$ZP_LIBRARY" inside
fi
if build visible -static-libstdc++ -rdynamic; then
    works "$ZP_LIBRARY" visible
fi
if [[ $name != operators ]] && command -v clang++ >/dev/null; then
    compiler=clang++ compile=(-stdlib=libc++)
    if build libc++ -stdlib=libc++; then
        works "$ZP_LIBRARY" libc++
    fi
fi
