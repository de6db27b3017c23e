#!/usr/bin/env bash
# A library that is not ready before its constructor, or no longer after its destructor.
# usage: early_late.sh PROGRAM
set -euo pipefail
[[ $(LD_PRELOAD=$ZP_LIBRARY "$1") == end ]]
[[ $(LD_PRELOAD=$ZP_LIBRARY ZEROPOOL_STATS=exit "$1" 2>/dev/null) == end ]]
[[ $(LD_PRELOAD=$ZP_LIBRARY ZEROPOOL_ENABLE=0 "$1") == end ]]
