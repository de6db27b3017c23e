#!/usr/bin/python3
"""The tensors of GPT-2 124M, and checkpoints shaped like it.

    gpt2.py make FOLDER [--layers N]   write FOLDER/checkpoint.pt and FOLDER/checkpoint.npz
    gpt2.py sizes                      print the size of every tensor in bytes, one a line

The shapes and their order are those of the published model: 160 float32 tensors, 548 MB,
the causal masks (attn.bias) that its checkpoint carries included. The weights are random,
always the same ones, and both files hold the same. With fewer layers they are smaller; whole
files that hold more than was asked for are left as they are.
"""

import argparse
import collections
import math
import os
import sys
import zipfile

VOCABULARY, CONTEXT, WIDTH, LAYERS = 50257, 1024, 768, 12
FLOAT_BYTES = 4
SEED = 124


def shapes(layers=LAYERS):
    """Name and shape of every tensor, in the order of the checkpoint."""
    yield "wte.weight", (VOCABULARY, WIDTH)
    yield "wpe.weight", (CONTEXT, WIDTH)
    for layer in range(layers):
        for name, shape in layer_shapes():
            yield f"h.{layer}.{name}", shape
    yield "ln_f.weight", (WIDTH,)
    yield "ln_f.bias", (WIDTH,)


def layer_shapes():
    """The 13 tensors of one layer."""
    return [
        ("ln_1.weight", (WIDTH,)),
        ("ln_1.bias", (WIDTH,)),
        ("attn.bias", (1, 1, CONTEXT, CONTEXT)),
        ("attn.c_attn.weight", (WIDTH, 3 * WIDTH)),
        ("attn.c_attn.bias", (3 * WIDTH,)),
        ("attn.c_proj.weight", (WIDTH, WIDTH)),
        ("attn.c_proj.bias", (WIDTH,)),
        ("ln_2.weight", (WIDTH,)),
        ("ln_2.bias", (WIDTH,)),
        ("mlp.c_fc.weight", (WIDTH, 4 * WIDTH)),
        ("mlp.c_fc.bias", (4 * WIDTH,)),
        ("mlp.c_proj.weight", (4 * WIDTH, WIDTH)),
        ("mlp.c_proj.bias", (WIDTH,)),
    ]


def sizes(layers=LAYERS):
    """Bytes of every tensor."""
    return [math.prod(shape) * FLOAT_BYTES for _, shape in shapes(layers)]


def prewarm(least=1 << 20):
    """The tensors of this size and more, as ZEROPOOL_PREWARM takes them: SIZE*COUNT,..."""
    counts = collections.Counter(size for size in sizes() if size >= least)
    return ",".join(f"{size}*{count}" for size, count in sorted(counts.items(), reverse=True))


def make_arrays(layers):
    """Name to array: the same random weights every time, and the real causal masks."""
    import numpy

    random = numpy.random.default_rng(SEED)
    arrays = {}
    for name, shape in shapes(layers):
        if name.endswith(".attn.bias"):
            arrays[name] = numpy.tril(numpy.ones(shape, dtype=numpy.float32))
        else:
            arrays[name] = random.standard_normal(shape, dtype=numpy.float32)
            arrays[name] *= 0.02  # the spread the model itself starts from
    return arrays


def save_pt(arrays, file):
    import torch

    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, file)


def save_npz(arrays, file):
    import numpy

    numpy.savez(file, **arrays)


SAVERS = {"checkpoint.pt": save_pt, "checkpoint.npz": save_npz}


def is_complete(path, layers):
    """True if path is a checkpoint with all of these shapes. Both kinds are zip files whose directory
    comes last, so a file that was cut off has none."""
    try:
        with zipfile.ZipFile(path) as archive:
            stored = sum(entry.file_size for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile):
        return False
    return stored >= sum(sizes(layers))


def write_atomically(path, save):
    """path appears only once it is whole; an interrupted run leaves at most a .tmp file,
    which the next one overwrites."""
    temporary = path + ".tmp"
    try:
        with open(temporary, "wb") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise


def progress(message):
    print(message, file=sys.stderr, flush=True)


def make(folder, layers):
    """Write what folder still lacks."""
    os.makedirs(folder, exist_ok=True)
    missing = []
    for name in SAVERS:
        if is_complete(os.path.join(folder, name), layers):
            progress(f"{name}: there already")
        else:
            missing.append(name)
    if not missing:
        return
    megabytes = sum(sizes(layers)) / 1e6
    progress(f"making {len(sizes(layers))} tensors of random weights, {megabytes:.0f} MB")
    arrays = make_arrays(layers)
    for name in missing:
        progress(f"writing {name}")
        write_atomically(os.path.join(folder, name), lambda file: SAVERS[name](arrays, file))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="write the checkpoints")
    making.add_argument("folder")
    making.add_argument("--layers", type=int, default=LAYERS, help=f"of {LAYERS}")
    commands.add_parser("sizes", help="print the tensors' sizes in bytes")
    options = parser.parse_args()
    if options.command == "sizes":
        print(*sizes(), sep="\n")
        return
    try:
        make(options.folder, options.layers)
    except OSError as error:
        sys.exit(f"gpt2.py: {error}")


if __name__ == "__main__":
    main()
