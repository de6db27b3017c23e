#!/usr/bin/env bash
# An installation from source that does not work: meson install, ldconfig, and from there on the library's bare
# name; and a release (meson dist) from which the same can be built. It changes the system: for a fresh one.
# usage: source.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091 # it is checked by itself
source tests/packages/check.sh

scripts/build
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends git xz-utils >/dev/null
meson dist -C build --no-tests >/dev/null
echo 'packed'

release=$(mktemp -d)
tar -C "$release" --strip-components=1 -xf build/meson-dist/zeropool-*.tar.xz
meson setup "$release/build" "$release" --buildtype=release -Dtests=false -Dbenchmarks=false >/dev/null
install_built "$release/build"
echo 'installed'

command_works zeropool
in_force ZEROPOOL_STATS=exit LD_PRELOAD=libzeropool_preload.so
[[ $(pkg-config --variable=preload zeropool) -ef /usr/local/lib/libzeropool_preload.so ]] ||
    complain "pkg-config: $(pkg-config --variable=preload zeropool)"
for file in include/zeropool.h include/zeropool.hpp share/man/man7/libzeropool.7 share/doc/zeropool/LICENSE-jemalloc; do
    [[ -s /usr/local/$file ]] || complain "no /usr/local/$file"
done
echo 'used'
