#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# A rank for each of four GPUs of this machine, each under zeropool: ./train.sh model.pt
set -euo pipefail

# torchrun starts one program per rank; with --no-python that is zeropool, which becomes python3. The ranks share the
# memory of the machine: by default each would keep a quarter of it.
torchrun --standalone --nproc-per-node 4 --no-python \
    zeropool run --max-memory 16G --read parallel -- python3 train.py --checkpoint "$1"
