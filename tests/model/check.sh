#!/usr/bin/env bash
# Has spin look at all that can happen in a model, which must be without fault. Then each of the
# model's mutants must be found faulty, or the model would see nothing. A mutant is the model with
# CODE in place of the lines that end in
#
#   // mutant NAME: CODE
#
# usage: check.sh MODEL.pml [NAME]
# With NAME it shows how that mutant goes wrong.
set -euo pipefail

for tool in spin gcc; do
    command -v "$tool" >/dev/null || {
        echo "skipped: no $tool here"
        exit 77
    }
done
folder=$(cd "$(dirname "$1")" && pwd)
name=$(basename "$1" .pml)
model=$folder/$name.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$folder"/*.h "$work"
cd "$work"

# Writes what spin finds to pan.log. Every search must reach its end, or a fault.
explore() { # FILE OPTIMISATION: mutants are found out sooner than they are compiled well
    if ! { spin -a "$1" && gcc "$2" -w -DSAFETY -DMEMLIM=4000 -o pan pan.c; } >build.log 2>&1; then
        cat build.log
        echo "$1 is no model"
        exit 1
    fi
    ./pan -m100000 -w22 >pan.log
    if ! grep -q 'errors: [01]$' pan.log || grep -qE 'depth too small|reached -DMEMLIM' pan.log; then
        cat pan.log
        echo "$1 was not searched to the end"
        exit 1
    fi
}

fault() {
    sed -n 's/^pan:[0-9]*: \(.*\) (at depth .*/\1/p' pan.log
}

show() { # the way to the fault that was found
    spin -t -p "$1" | sed 's/^ *[0-9]*:\t//'
    fault
}

mutate() { # NAME: the model with the lines of this mutant
    sed "s|^\( *\).*// mutant $1: *\(.*\)|\1\2|" "$model" >"$1.pml"
}

if [[ $# -gt 1 ]]; then
    mutate "$2"
    explore "$2.pml" -O0
    show "$2.pml"
    exit
fi

failures=0
cp "$model" .
explore "$name.pml" -O1
if [[ $(fault) ]]; then
    show "$name.pml"
    exit 1
fi
sed -n 's/^ *\([0-9]*\) states, stored.*/\1 states, no fault/p' pan.log
mapfile -t mutants < <(sed -n 's|.*// mutant \([a-z_]*\):.*|\1|p' "$model" | sort -u)
for mutant in "${mutants[@]}"; do
    mutate "$mutant"
    explore "$mutant.pml" -O0
    found=$(fault)
    echo "$mutant: ${found:-NOT FOUND}"
    [[ $found ]] || failures=$((failures + 1))
done
[[ $failures -eq 0 ]]
