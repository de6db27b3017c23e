# shellcheck shell=bash
# What the tests of profiles share: a folder of their own to work in, with a file `data` to read.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit
head -c 20M /dev/zero >data

fail() {
    echo "$*"
    exit 1
}
