#!/usr/bin/env bash
# A wheel that cannot be installed here, or does not work with the libc and the Python that are here. It installs
# what a virtual environment needs: for a fresh system (run.sh).
# usage: wheel.sh, with the wheels in dist/
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091 # it is checked by itself
source tests/packages/check.sh

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends python3-venv >/dev/null

place=$(mktemp -d)
python3 -m venv "$place"
"$place/bin/pip" install --quiet --no-index dist/zeropool-*_"$(uname -m)".whl
echo "installed: $(ldd --version | head -n 1), $("$place/bin/python" --version)"

command_works "$place/bin/zeropool"
[[ $("$place/bin/python" -m zeropool version) == 'zeropool '[0-9]* ]] || complain 'python -m zeropool'
in_force ZEROPOOL_STATS=exit LD_PRELOAD="$("$place/bin/python" -c 'import zeropool; print(zeropool.library())')"
said=$("$place/bin/zeropool" run --stats exit -- "$place/bin/python" -c 'b = bytearray(50_000_000)' 2>&1)
grep -qE 'large requests +[1-9]' <<<"$said" || complain "Python under the library: $said"
said=$("$place/bin/python" -c 'import zeropool; b = zeropool.buffer(1 << 20); b[9] = 7; print(len(b), *b[8:10])' 2>&1)
[[ $said == '1048576 0 7' ]] || complain "zeropool.buffer: $said"
echo 'used'

"$place/bin/pip" uninstall --quiet --yes zeropool
left=$(find "$place" -name '*zeropool*')
[[ -z $left ]] || complain "the wheel leaves $left behind"
echo 'removed'
