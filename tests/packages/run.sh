#!/usr/bin/env bash
# Packages that cannot be built, installed, used or removed in a fresh system: on each release of Debian that they are for.
#
#   tests/packages/run.sh             all of these
#   tests/packages/run.sh debs        Debian 13 and 12: built, checked by lintian; in another system installed, upgraded, used, removed
#   tests/packages/run.sh wheels      built here; Debian 11, 12, 13: installed, used, removed
#   tests/packages/run.sh pip         built by pip alone, from the checkout and from a source distribution
#   tests/packages/run.sh source      meson dist, meson install
#   tests/packages/run.sh aarch64     the wheel for aarch64, under QEMU
#   tests/packages/run.sh examples    those that need a system of their own: the jobs for Slurm and torchrun, run by these
#
# dist/ has the packages afterwards, those for Debian 12. Status 77: nothing could be tested here, the last line says why.
set -euo pipefail
cd "$(dirname "$0")/../.."

step() {
    local status=0
    echo "== $*"
    "$@" || status=$?
    [[ $status -eq 0 ]] || exit "$status"
}

debs() {
    local suite
    for suite in trixie bookworm; do
        rm -f dist/*.deb
        step scripts/fresh --back dist "$suite" scripts/package deb
        step scripts/fresh --with dist "$suite" tests/packages/debs.sh
    done
}

wheels() {
    local suite
    step scripts/package wheel x86_64
    for suite in bullseye bookworm trixie; do
        step scripts/fresh --with dist "$suite" tests/packages/wheel.sh
    done
}

by_pip() { step scripts/fresh tests/packages/pip.sh; }

from_source() { step scripts/fresh tests/packages/source.sh; }

aarch64() {
    step scripts/package wheel aarch64
    step tests/packages/aarch64.sh
}

examples() {
    step scripts/fresh tests/packages/slurm.sh
    step scripts/fresh tests/packages/torchrun.sh
}

for what in "${@:-all}"; do
    case $what in
        all) debs; wheels; by_pip; from_source; aarch64; examples ;;
        debs | wheels | aarch64 | examples) "$what" ;;
        pip) by_pip ;;
        source) from_source ;;
        *) echo "tests/packages/run.sh: no test '$what': debs, wheels, pip, source, aarch64, examples" >&2; exit 2 ;;
    esac
done
