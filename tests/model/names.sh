#!/usr/bin/env bash
# Fails when the models have other states of a slot than core/slot.h, when no model has a slot in one
# of them, or when a model names a function or file that core does not have.
# usage: names.sh SOURCE_FOLDER
set -euo pipefail
cd "$1"

failures=0
complain() {
    echo "$*"
    failures=$((failures + 1))
}

in_code=$(sed -n '/^enum zp_slot_state {/,/^}/s/^ *ZP_SLOT_\([A-Z]*\),.*/\1/p' core/slot.h | grep -vx STATES)
in_models=$(sed -n 's/^mtype:state = { \(.*\) };/\1/p' tests/model/common.pml | tr -d , | tr ' ' '\n')
[[ $in_code && $in_code == "$in_models" ]] ||
    complain "the states of the models are not those of core/slot.h:" "$in_models" "/" "$in_code"
for state in $in_code; do
    grep -qw "$state" tests/model/*.pml || complain "no model has a slot that is $state"
done

mapfile -t names < <(grep -ohE '\bzp_[a-z_]+|core/[a-z_]+\.c' tests/model/*.pml | sort -u)
for name in "${names[@]}"; do
    if [[ $name == core/* ]]; then
        [[ -f $name ]] || complain "there is no $name"
    else
        grep -qw "$name" core/*.[ch] || complain "core has no $name"
    fi
done

[[ $failures -eq 0 ]]
