#!/usr/bin/env bash
# A compiler that crashes or compiles something else under the library.
# usage: gcc.sh SOURCE_ROOT
set -euo pipefail

same=$(dirname "$0")/same.sh
command -v gcc >/dev/null || { echo 'skipped: no gcc here'; exit 77; }
"$same" gcc -std=gnu11 -D_GNU_SOURCE -O3 -g -I "$1" -c "$1/core/pool.c" -o pool.o
"$same" gcc -std=gnu11 -D_GNU_SOURCE -O2 -I "$1" -S "$1/config/options.c" -o -
