#!/usr/bin/env bash
# A source that pip cannot build by itself: neither from the checkout nor from a source distribution. What docs/packages.md says
# for pip, in a fresh system (run.sh); needs PyPI. Status 77: PyPI cannot be reached, the last line says why.
# usage: pip.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091 # it is checked by itself
source tests/packages/check.sh

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends python3-venv git \
    gcc libc6-dev pkg-config libjemalloc-dev libunwind-dev >/dev/null

place=$(mktemp -d)
log=$place/log

new() { # FOLDER: a virtual environment
    python3 -m venv "$1"
}

quietly() { # COMMAND...
    "$@" >"$log" 2>&1 || {
        tail -n 30 "$log"
        complain "$*"
    }
}

works() { # FOLDER: of the virtual environment
    command_works "$1/bin/zeropool"
    [[ $("$1/bin/python" -m zeropool version) == 'zeropool '[0-9]* ]] || complain 'python -m zeropool'
}

new "$place/tools"
"$place/tools/bin/pip" install --quiet build >"$log" 2>&1 || {
    tail -n 3 "$log"
    echo 'skipped: PyPI cannot be reached'
    exit 77
}

new "$place/checkout"
quietly "$place/checkout/bin/pip" install .
works "$place/checkout"
echo "built and installed from the checkout: $("$place/checkout/bin/zeropool" version)"

quietly "$place/tools/bin/python" -m build --sdist --outdir "$place" .
new "$place/sdist"
quietly "$place/sdist/bin/pip" wheel --wheel-dir "$place" "$place"/zeropool-*.tar.gz
quietly "$place/sdist/bin/pip" install --no-index "$place"/zeropool-*.whl
works "$place/sdist"
echo "built and installed from the source distribution: $(cd "$place" && echo zeropool-*.whl)"
[[ -z $(git status --porcelain) ]] || complain "pip leaves in the checkout: $(git status --porcelain)"
