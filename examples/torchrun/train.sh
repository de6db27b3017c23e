#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# A rank for each of four GPUs of this machine, each under zeropool: ./train.sh model.pt
set -euo pipefail

# torchrun starts one program per rank; with --no_python that is zeropool, which becomes python3. The ranks share the
# memory of the machine: by default each would keep a quarter of it.
# (With underscores, the options are understood by versions before 2.0, too.)
torchrun --standalone --nproc_per_node 4 --no_python \
    zeropool run --max-memory 16G --read parallel -- python3 train.py --checkpoint "$1"
