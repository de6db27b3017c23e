#!/usr/bin/env bash
# All of malloc's family that the library exports, for deepbind_scope.c.
# usage: deepbind_scope.sh PROGRAM OPENED
set -euo pipefail

mapfile -t names < <(nm -D --defined-only "$ZP_LIBRARY" | awk '$3 ~ /alloc|free|memalign|mallinfo/ { print $3 }')
LD_PRELOAD=$ZP_LIBRARY "$1" "$2" "${names[@]}"
