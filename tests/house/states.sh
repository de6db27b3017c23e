#!/usr/bin/env bash
# Fails when the state of a slot is set anywhere but in zp_slot_step (core/slot.h), where debug builds check the step.
# usage: states.sh SOURCE_FOLDER
set -euo pipefail
cd "$1"

# The lines that assign to a `state`, or name it in an initialiser; not comparisons.
assignments() {
    grep -nE '(->|\.)state *([-+|&^]|<<|>>)?=([^=]|$)' "$@" /dev/null || true
}

setter=$(sed -n '/^static inline void zp_slot_step(/,/^}/p' core/slot.h)
[[ $(grep -c 'slot->state = ' <<<"$setter") -eq 1 ]] || {
    echo "core/slot.h has no zp_slot_step that sets the state"
    exit 1
}
mapfile -t sources < <(find core preload config interface linked -name '*.[ch]')
found=$(assignments "${sources[@]}" | grep -vE '^core/slot\.h:[0-9]+: *slot->state = \(uint8_t\)to;$' || true)
[[ -z $found ]] || {
    echo "a state is set here, instead of by zp_slot_step:"
    echo "$found"
    exit 1
}
