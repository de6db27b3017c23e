#!/usr/bin/env bash
# What is set at start and can still be overwritten once the pool runs, or is not there any more.
set -euo pipefail

address_of() {
    nm "$ZP_LIBRARY" | awk -v name="$1" '$3 == name { print $1 }'
}

start=$(address_of zp_frozen_start)
for name in zp_arena zp_os_calls zp_pool zp_options; do
    address=$(address_of $name)
    if [[ -z $address || $((16#$address)) -lt $((16#$start)) ||
        $((16#$address)) -ge $((16#$(address_of zp_frozen_end))) ]]; then
        echo "$name is not among what becomes read-only"
        exit 1
    fi
done

# The mapping that holds `zp_frozen_start` in a process of its own, before and after a large request.
look='
import re, sys
def protection(start):
    base = None
    for line in open("/proc/self/maps"):
        low, high, rights, path = re.match(r"(\w+)-(\w+) (....) \w+ \S+ \d+ *(.*)", line).groups()
        if base is None and path == sys.argv[1]:
            base = int(low, 16)
        if base is not None and int(low, 16) <= base + start < int(high, 16):
            return rights
start = int(sys.argv[2], 16)
print(protection(start))
data = bytearray(5_000_000)
print(protection(start))'
found=$(LD_PRELOAD=$ZP_LIBRARY /usr/bin/python3 -c "$look" "$ZP_LIBRARY" "$start" | xargs)
if [[ $found != 'rw-p r--p' ]]; then
    echo "before and after the pool starts the pages are: $found"
    exit 1
fi
