#!/usr/bin/env bash
# The Rust crate does not build or work, with the shared library or with the preloaded one.
# usage: rust.sh SOURCE_FOLDER FOLDER_OF_LIBRARIES
set -euo pipefail

source=$1 libraries=$2
unset LD_PRELOAD
if ! version=$(cargo --version 2>/dev/null) || ! rustc --version >/dev/null 2>&1; then
    echo 'skipped: no cargo or no rustc here'
    exit 77
fi
minor=$(sed -nE 's/^cargo 1\.([0-9]+)\..*/\1/p' <<<"$version")
((${minor:-99} >= 63)) || {
    echo "skipped: $version is too old, 1.63 is needed"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$source/examples/rust" "$work/crate" # cargo writes a file beside the sources
cd "$work/crate"
export ZEROPOOL_LIBDIR=$libraries LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export CARGO_TARGET_DIR=$work/target RUSTFLAGS='-D warnings' RUSTDOCFLAGS='-D warnings'

passed() { # LEAST ARGUMENT...: so many programs have to end well
    local least=$1
    shift
    cargo test --offline --quiet "$@" >"$work/log" 2>&1 || {
        cat "$work/log"
        exit 1
    }
    [[ $(grep -cE '^test result: ok\. [1-9]' "$work/log") -ge $least ]] || {
        cat "$work/log"
        echo "less than $least programs had tests"
        exit 1
    }
}

passed 3
passed 2 --tests --config "target.'cfg(all())'.runner = ['env', 'LD_PRELOAD=$ZP_LIBRARY']"
echo "tested with: $version"
