#!/usr/bin/env bash
# Python's own tests: modules that hold large buffers, start threads and fork; in the soak any of them.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=/dev/null
. "$(dirname "$0")/failures.sh"
python=/usr/bin/python3
$python -c 'import test.test_array' 2>/dev/null || { echo "skipped: no test suite of Python's here"; exit 77; }

run_suite() {
    (cd "$work" && $python -m test -j2 --timeout 3600 --tempdir "$work" "$@")
}
failures() {
    sed -n -E 's/^.*\] (test_[a-zA-Z0-9_.]+) (crashed|timed out|run no tests).*/\2 \1/p; /^(FAIL|ERROR): /p'
}

modules=(test_array test_buffer test_bytes test_capi test_fork1 test_list test_memoryview test_mmap test_pickle
    test_thread test_zlib)
if ((${ZP_SOAK:-0})); then
    # Not these: they open windows, ask the network, or take a quarter of an hour.
    mapfile -t modules < <(cd "$work" && $python -m test --list-tests |
        grep -vE 'test_(tk|ttk|idle|tools|peg|socket|ssl|asyncio|urllib|gdb|regrtest|multiprocessing_(spawn|forkserver))' | some_of 12)
    echo "modules: ${modules[*]}"
fi
same_failures "${modules[@]}"
for module in "${modules[@]}"; do
    grep -q "\] $module " "$work/with.log" || { cat "$work/with.log"; echo "did not run: $module"; exit 1; }
done
