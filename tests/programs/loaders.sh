#!/usr/bin/env bash
# A checkpoint that does not load bit for bit under the library: torch.load of a .pt, numpy.load of
# .npy and .npz.
set -euo pipefail

same=$(dirname "$0")/same.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python=/usr/bin/python3
$python -c 'import numpy' 2>/dev/null || {
    echo 'skipped: no numpy here'
    exit 77
}

# The hash of every array, loaded three times over: later loads get the memory of earlier ones.
cat >"$work/arrays.py" <<'PYTHON'
import hashlib, numpy, sys
for _ in range(3):
    for name in sys.argv[1:]:
        loaded = numpy.load(name)
        arrays = loaded.items() if name.endswith('.npz') else [('array', loaded)]
        for key, array in arrays:
            print(name[-3:], key, array.shape, hashlib.sha256(array.tobytes()).hexdigest())
    print(numpy.zeros(3000000).sum())
PYTHON
$python - "$work" <<'PYTHON'
import numpy, sys
random = numpy.random.default_rng(1)
arrays = {f'layer{i}': random.random(400000 * i + 3) for i in range(1, 6)}
numpy.save(sys.argv[1] + '/a.npy', arrays['layer5'])
numpy.savez(sys.argv[1] + '/b.npz', **arrays)
PYTHON
"$same" --pooled $python "$work/arrays.py" "$work/a.npy" "$work/b.npz"

$python -c 'import torch' 2>/dev/null || {
    echo 'skipped: no torch here (numpy was tested)'
    exit 77
}
cat >"$work/tensors.py" <<'PYTHON'
import hashlib, sys, torch
for _ in range(3):
    for name, tensor in torch.load(sys.argv[1]).items():
        print(name, tuple(tensor.shape), hashlib.sha256(tensor.numpy().tobytes()).hexdigest())
PYTHON
$python - "$work/c.pt" <<'PYTHON'
import sys, torch
torch.manual_seed(1)
torch.save({f'layer{i}': torch.rand(1000, 700 * i) for i in range(1, 8)}, sys.argv[1])
PYTHON
"$same" --pooled $python "$work/tensors.py" "$work/c.pt"
