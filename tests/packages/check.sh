# shellcheck shell=bash
# What the tests of packages look at, once something is installed. Sourced by them.

complain() {
    echo "failed: $*"
    exit 1
}

# So that the bare name of the library, and the command, work from here on.
install_built() { # BUILD_FOLDER
    meson install -C "$1" --quiet >/dev/null
    ldconfig
}

build_and_install() {
    scripts/build
    install_built build
}

# The library is in force in a program that is started with this, and says so at its end.
in_force() { # ENVIRONMENT_OR_COMMAND...
    local said
    said=$(env "$@" /bin/ls / 2>&1 >/dev/null) || complain "$* /bin/ls: $said"
    grep -q '^zeropool [0-9].*: ls (pid' <<<"$said" || complain "$*: not in force: $said"
    ! grep -q 'cannot be preloaded' <<<"$said" || complain "$*: $said"
}

# The command does its work: wherever it is installed it finds the library.
command_works() { # COMMAND
    [[ $("$1" version) == 'zeropool '[0-9]* ]] || complain "$1 version: $("$1" version 2>&1)"
    in_force "$1" run --stats exit --
    local status=0
    "$1" nonsense >/dev/null 2>&1 || status=$?
    [[ $status -eq 2 ]] || complain "$1 nonsense ends with status $status"
    "$1" run -- /bin/sh -c 'exit 7' || status=$?
    [[ $status -eq 7 ]] || complain "$1 run: the program's status 7 became $status"
}

# Every file of the system, but for what packages leave behind in caches and logs.
files() {
    find / -xdev -path /root -prune -o -path /tmp -prune -o -path /proc -prune -o -path /var/cache -prune -o \
        -path /var/log -prune -o -path /var/lib -prune -o ! -path /etc/ld.so.cache -print | sort
}
