#!/usr/bin/env bash
# A program with LD_AUDIT set, where glibc leaves too little room for the library's thread-local variables and would
# end it: it must run, with the library, the same arguments and the same environment but for the setting that makes
# room; one line says so, and none once that is set.
# usage: audit.sh AUDITOR TEST_PROGRAM: one that fails without the library
set -euo pipefail

auditor=$(realpath "$1") program=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset GLIBC_TUNABLES LD_PRELOAD
room=glibc.rtld.optional_static_tls=4096

if ! LD_AUDIT=$auditor true 2>"$work/err" || [[ -s $work/err ]]; then
    echo 'skipped: LD_AUDIT does not work here'
    exit 77
fi

cat >"$work/script" <<'END'
#!/bin/bash
printf '<%s>' "$0" "$@"
env | grep -vE '^(GLIBC_TUNABLES|_)=' | sort
END
chmod +x "$work/script"

audited() { # NAME [NAME=VALUE...] COMMAND...
    local status=0
    env LD_AUDIT="$auditor" "${@:2}" >"$work/$1.out" 2>"$work/$1.err" || status=$?
    [[ $status -eq 0 ]] && return
    echo "status $status: ${*:2}"
    cat "$work/$1.err"
    exit 1
}

expect_lines() { # NAME COUNT: so many on stderr, each the one that it may be
    if [[ $(wc -l <"$work/$1.err") -ne $2 || $(grep -c "^zeropool: LD_AUDIT .*$room" "$work/$1.err") -ne $2 ]]; then
        echo "$1: not $2 lines:"
        cat "$work/$1.err"
        exit 1
    fi
}

# What it starts itself has the room already, so that there is one line in all.
audited works LD_PRELOAD="$ZP_LIBRARY" "$program"
expect_lines works 1
audited set LD_PRELOAD="$ZP_LIBRARY" GLIBC_TUNABLES=$room "$program"
expect_lines set 0
# shellcheck disable=SC2016 # for the inner shell
audited others LD_PRELOAD="$ZP_LIBRARY" GLIBC_TUNABLES=glibc.malloc.check=0 bash -c 'echo "$GLIBC_TUNABLES"'
[[ $(<"$work/others.out") == "glibc.malloc.check=0:$room" ]] || {
    cat "$work/others.out"
    exit 1
}
# `env` itself is audited too, but not preloaded; the shell, a script and what it runs are.
for command in "$work/script" "env -i LD_AUDIT=$auditor LD_PRELOAD=$ZP_LIBRARY A=1 $work/script"; do
    # shellcheck disable=SC2086 # several words on purpose
    audited with LD_PRELOAD="$ZP_LIBRARY" $command "two words" "" "*"
    # shellcheck disable=SC2086
    audited without LD_PRELOAD="$ZP_LIBRARY" GLIBC_TUNABLES=$room $command "two words" "" "*"
    diff "$work/with.out" "$work/without.out"
done
