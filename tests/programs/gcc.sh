#!/usr/bin/env bash
# A compiler that crashes or compiles something else under the library: single files of this project, one
# generated file whose functions by the hundred make it ask for much, and in the soak all of this project.
# usage: gcc.sh SOURCE_ROOT
set -euo pipefail

same=$(dirname "$0")/same.sh
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v gcc >/dev/null || { echo 'skipped: no gcc here'; exit 77; }
functions=$((${ZP_SOAK:-0} ? 800 : 60))

"$same" gcc -std=gnu11 -D_GNU_SOURCE -O3 -g -I "$source" -c "$source/core/pool.c" -o pool.o
"$same" gcc -std=gnu11 -D_GNU_SOURCE -O2 -I "$source" -S "$source/config/options.c" -o -

awk -v functions="$functions" 'BEGIN {
    print "static const unsigned table[] = {";
    for (i = 0; i < 300000; i++) printf "%d,%s", (i * 7919) % 1000003, i % 10 == 9 ? "\n" : " ";
    print "};";
    for (f = 0; f < functions; f++) {
        printf "unsigned f%d(unsigned a, unsigned b)\n{\n    switch (a %% 16) {\n", f;
        for (c = 0; c < 8; c++)
            printf "    case %d:\n        for (unsigned i = %d; i < b; i += a + 1)\n            a ^= b * table[i %% %d] + i;\n        break;\n", c, c, 300000 - f;
        printf "    }\n    return a > %d ? %s : b;\n}\n", f, f == 0 ? "a" : "f" f - 1 "(a, b)";
    }
}' >"$work/generated.c"
"$same" --pooled gcc -O2 -g -c "$work/generated.c" -o generated.o

((${ZP_SOAK:-0})) || exit 0
command -v meson >/dev/null || { echo 'skipped: no meson here (gcc was tested)'; exit 77; }
# shellcheck disable=SC2016 # the inner shell's own
"$same" bash -c 'meson setup build "$0" -Dtests=false -Dbenchmarks=false >/dev/null && ninja -C build -j2 >/dev/null &&
    mv build/preload/libzeropool_preload.so . && rm -r build' "$source"
