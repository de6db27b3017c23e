#!/usr/bin/env bash
# A check that can no longer fail would let everything pass: each is given a small tree with one fault, and has to find
# it, and the same tree without the fault.
# usage: fails.sh SOURCE_FOLDER
set -euo pipefail
checks=$1/tests/house
core=$1/core
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# The tree without fault.
begin() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree"/{core,preload,config,stats,command,docs,tests/model}
    cp "$core/slot.h" "$tree/core"
    echo '// Nothing wrong.' >"$tree/core/sample.c"
    echo 'Nothing wrong.' >"$tree/README.md"
}

passes() { # CHECK...
    begin
    "$@" "$tree" || {
        echo "${1##*/}: fails without a fault"
        exit 1
    }
}

finds() { # TEXT FILE CHECK...
    begin
    printf '%s\n' "$1" >>"$tree/$2"
    local check=("${@:3}")
    if "${check[@]}" "$tree" >/dev/null; then
        echo "${check[*]##*/}: does not find: $1"
        exit 1
    fi
}

states=(bash "$checks/states.sh")
passes "${states[@]}"
finds 'void f(struct zp_slot *s) { s->state = ZP_SLOT_COLD; }' core/sample.c "${states[@]}"
finds 'struct zp_slot s = {.state = ZP_SLOT_LIVE};' preload/sample.h "${states[@]}"
finds 'static void g(struct zp_slot *s) { s->state |= 1; }' core/slot.h "${states[@]}"

lengths=(bash "$checks/lengths.sh")
passes "${lengths[@]}"
finds "$(seq 401)" config/sample.def "${lengths[@]}"

words=(python3 -B "$checks/words.py")
passes "${words[@]}"
finds '// The slow way.' core/sample.c "${words[@]}"
finds '    // One who is let go for ever' preload/sample.h "${words[@]}"
finds '//
// A request that comes
// along.' core/sample.c "${words[@]}"
finds 'Whoever reads this.' docs/sample.md "${words[@]}"
finds 'void f(void); /* made anew */' core/sample.c "${words[@]}"
begin
echo 'puts("whoever // anew"); // see anew.h' >>"$tree/core/sample.c"
"${words[@]}" "$tree"
