#!/usr/bin/env bash
# A script that takes a wrong word for something to do: it must say what it knows, and end with status 2.
# usage: usage.sh SOURCE_FOLDER
set -euo pipefail
cd "$1"

wrong() {
    local status=0 said
    said=$("$@" 2>&1 </dev/null) || status=$?
    [[ $status -eq 2 && $said ]] && return
    echo "status $status: $*"
    echo "$said"
    exit 1
}

wrong scripts/build tests
wrong scripts/build -Dtests
wrong scripts/demo nonsense
wrong scripts/demo --quick nonsense
wrong scripts/fresh
wrong scripts/fresh --nonsense
wrong scripts/fresh trixie
wrong scripts/fuzz nonsense
wrong scripts/package
wrong scripts/package nonsense
wrong scripts/package wheel nonsense
wrong scripts/setup nonsense
wrong scripts/soak nonsense
wrong scripts/soak --for nonsense
wrong scripts/test nonsense
wrong scripts/vm-matrix nonsense
wrong scripts/vm-matrix --nonsense
