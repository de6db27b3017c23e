#!/usr/bin/env bash
# A budget that is not a quarter of what the process may have, or stays what it was at start.
# usage: budget_auto.sh BUDGET_AUTO
set -euo pipefail

program=$1
# shellcheck source=cgroup.sh disable=SC1091
. "$(dirname "$0")/cgroup.sh"
make_group $((400 * 1024 * 1024))

[[ $(in_group env LD_PRELOAD="$ZP_LIBRARY" "$program" "${limit:?}") == followed ]]
