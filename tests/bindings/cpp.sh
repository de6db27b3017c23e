#!/usr/bin/env bash
# zeropool.hpp does not compile without a warning, or does not work: by g++ and clang++, with the shared library, the static one and
# the preloaded one.
# usage: cpp.sh SOURCE_FOLDER FOLDER_OF_LIBRARIES
set -euo pipefail

source=$1 libraries=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LD_PRELOAD
export LD_LIBRARY_PATH=$libraries
flags=(-O1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$source/cpp" -I"$source/core" -pthread)
shared=(-L"$libraries" -lzeropool)
static=("$libraries/libzeropool.a")

works() { # WHAT COMMAND...
    local output
    output=$("${@:2}" 2>&1) || output+=" (status $?)"
    [[ $output == works ]] && return
    echo "$1: $output"
    exit 1
}

compilers=()
for compiler in g++ clang++; do
    command -v "$compiler" >/dev/null || continue
    compilers+=("$compiler")
    "$compiler" -std=c++17 "${flags[@]}" -c "$source/tests/bindings/cpp.cpp" -o "$work/test.o"
    "$compiler" "$work/test.o" -o "$work/shared" -pthread "${shared[@]}"
    "$compiler" "$work/test.o" -o "$work/static" -pthread "${static[@]}"
    works "$compiler, libzeropool.so" "$work/shared"
    works "$compiler, libzeropool.a" "$work/static"
    works "$compiler, preloaded" env LD_PRELOAD="$ZP_LIBRARY" "$work/shared"

    "$compiler" -std=c++20 "${flags[@]}" -fno-rtti "$source/examples/cpp/vector.cpp" -o "$work/vector" "${shared[@]}"
    said=$(ZEROPOOL_MAX_MEMORY=64M "$work/vector" 50)
    [[ $said =~ ^"sum 5.24288e+07, "9[0-9.]*" % from the pool"$ ]] || {
        echo "$compiler, examples/cpp/vector.cpp: $said"
        exit 1
    }
done
[[ ${#compilers[@]} -gt 0 ]] || {
    echo 'skipped: no g++ and no clang++ here'
    exit 77
}
echo "compiled by: ${compilers[*]}"
