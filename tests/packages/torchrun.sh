#!/usr/bin/env bash
# Ranks of torchrun (examples/torchrun) that do not run under the library. They have no GPU here, and talk by gloo. It
# changes the system: for a fresh one (run.sh). Not for Debian 13, whose torch has no libuv, which torchrun takes for granted.
# usage: torchrun.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091 # it is checked by itself
source tests/packages/check.sh

build_and_install
scripts/setup demo # torch

place=$(mktemp -d)
cp examples/torchrun/train.sh "$place"
cd "$place"
python3 -c 'import torch; torch.save({"ones": torch.ones(1 << 24)}, "model.pt")'
cat >train.py <<'END'
import sys
import torch
import torch.distributed as ranks
assert sys.argv[1] == "--checkpoint", sys.argv
ranks.init_process_group("gloo")
total = torch.load(sys.argv[2])["ones"].sum().reshape(1)
ranks.all_reduce(total)
with open("/proc/self/maps") as maps:
    loaded = "libzeropool_preload.so" in maps.read()
with open(f"rank{ranks.get_rank()}", "w") as said:
    print(ranks.get_world_size(), int(total), loaded, file=said)
ranks.destroy_process_group()
END
# Left to itself, Debian 12's torchrun (1.13) fails with Python 3.11, which no longer finds its value 0 for what is redirected.
PET_REDIRECTS=1 PET_TEE=1 ZEROPOOL_STATS=$place/stats.%p bash ./train.sh model.pt >log 2>&1 || complain "torchrun: $(tail -n 20 log)"
for rank in {0..3}; do
    [[ $(<"rank$rank") == '4 67108864 True' ]] || complain "rank $rank: $(<"rank$rank")"
done
[[ $(grep -lE 'large requests +[1-9]' stats.* | wc -l) -ge 4 ]] || complain "statistics: $(head -n 2 stats.*)"
echo 'four ranks ran under the library'
