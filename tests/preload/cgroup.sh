# shellcheck shell=bash
# Memory groups for the tests that need one; to be sourced. Sets group, its folder, and limit, the
# file that the limit is in; the group is removed at the end. Where there can be none the test is
# skipped.

skip() {
    echo "skipped: $1"
    exit 77
}

remove_group() {
    local i
    for ((i = 0; i < 600; i++)); do # what was killed in it may take a while to be gone
        rmdir "$group" 2>/dev/null && return
        sleep 0.1
    done
    echo "cannot remove $group"
}

make_group() { # BYTES
    local top=/sys/fs/cgroup name
    if [[ -f $top/memory/memory.limit_in_bytes ]]; then
        top=$top/memory name=memory.limit_in_bytes
    elif grep -qw memory "$top/cgroup.subtree_control" 2>/dev/null; then
        name=memory.max
    else
        skip 'no memory groups here'
    fi
    group=$(mktemp -d "$top/zeropool-test-XXXXXX" 2>/dev/null) || skip 'no memory group can be made here'
    limit=$group/$name
    trap remove_group EXIT
    trap 'exit 1' INT TERM HUP
    [[ -f $limit ]] || skip 'the group has no limit'
    echo "$1" 2>/dev/null >"$limit" || skip 'the limit cannot be set'
    # Where there is swap, nothing would be killed.
    echo 0 2>/dev/null >"$group/memory.swap.max" || true
    echo 0 2>/dev/null >"$group/memory.swappiness" || true
}

in_group() { # COMMAND...
    (echo "$BASHPID" >"$group/cgroup.procs" && exec "$@")
}
