#!/usr/bin/env bash
# numpy's own tests: arrays of every kind and size, and files; in the soak any of them.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=/dev/null
. "$(dirname "$0")/failures.sh"
python=/usr/bin/python3
$python -c 'import numpy, pytest, hypothesis' 2>/dev/null || {
    echo 'skipped: no numpy, pytest or hypothesis here'
    exit 77
}
numpy=$($python -c 'import numpy, os; print(os.path.dirname(numpy.__file__))')
[[ -d $numpy/core/tests ]] || { echo "skipped: numpy's tests are not here"; exit 77; }

run_suite() {
    local status=0
    (cd "$work" && $python -X faulthandler -B -m pytest -q -rfE -p no:cacheprovider --basetemp="$work/temp" --tb=short \
        -W ignore -o addopts= "$@") || status=$?
    ((status < 2)) || echo "crashed or ended early: status $status"
}
failures() {
    sed -n -E 's/ - .*//; /^(FAILED|ERROR) |^crashed/p'
}

files=("$numpy"/core/tests/test_{memmap,shape_base,item_selection}.py "$numpy"/lib/tests/test_format.py)
if ((${ZP_SOAK:-0})); then
    # Not those that build with distutils and f2py.
    mapfile -t files < <(find "$numpy" -path '*/tests/test_*.py' -not -path '*/f2py/*' -not -path '*/distutils/*' |
        sort | some_of 8)
    echo "files: ${files[*]#"$numpy"/}"
fi
same_failures "${files[@]}"
grep -qE '[0-9]+ passed' "$work/with.log" || { cat "$work/with.log"; echo 'no test passed'; exit 1; }
