#!/usr/bin/env bash
# Huge pages that are taken although the system's setting is never, or that make buffers larger than what was
# asked for, or what is used here and there. Changes the setting of the whole machine for a moment, so only as root.
# usage: huge_pages.sh HOLDER SPARSE
set -euo pipefail

holder=$1 sparse=$2
setting=/sys/kernel/mm/transparent_hugepage/enabled
skip() {
    echo "skipped: $1"
    exit 77
}
[[ -w $setting ]] || skip 'only root may change the setting of huge pages'
exec 9<"$setting"
flock 9 # one suite at a time
before=$(sed 's/.*\[\(.*\)\].*/\1/' "$setting")
restore() {
    echo "$before" >"$setting"
}
trap restore EXIT
trap 'exit 1' INT TERM HUP
echo "$before" 2>/dev/null >"$setting" || skip 'the setting of huge pages cannot be changed here'

for mode in always madvise never; do
    echo "$mode" >"$setting"
    for option in auto on off; do
        wanted=some
        [[ $mode == never || $option == off ]] && wanted=none
        LD_PRELOAD=$ZP_LIBRARY ZEROPOOL_THP=$option "$holder" resident "$wanted" || {
            echo "^ with $mode, ZEROPOOL_THP=$option"
            exit 1
        }
    done
    for use in 'stacks malloc' 'stacks posix_memalign after' 'table calloc' 'table aligned_alloc after'; do
        # shellcheck disable=SC2086 # several words
        LD_PRELOAD=$ZP_LIBRARY "$sparse" $use || {
            echo "^ with $mode, $use"
            exit 1
        }
    done
done
