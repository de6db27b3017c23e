"""Loaders that people use: what each gains, with its newest release from PyPI."""

import os
import shutil
import statistics
import subprocess

from peers import packages
from suite.places import PYTHON, WORKLOADS
from suite.question import Chart, Figure, NotMeasured, Part, Question, Target, lines_of

from .loads import both

FOLDER = "{build}/bench/loaders"
PROGRAM = [PYTHON, "-B", os.path.join(WORKLOADS, "loaders.py")]

# Names of bench/workloads/loaders.py, in the order of the table.
LOADERS = {
    "torch": "torch.load",
    "safetensors": "safetensors, pread",
    "mapped": "safetensors, mapped and copied",
    "bytes": "safetensors, from bytes",
    "npy": "numpy .npy",
    "npz": "numpy .npz",
    "hdf5": "HDF5",
    "pickle": "pickle",
    "zarr": "zarr",
    "parquet": "Parquet",
    "system": "Parquet, system pool",
    "shard": "f.read()",
    "gguf": "GGUF",
    "pictures": "JPEG",
}
DRAWN = {
    "torch": "torch",
    "safetensors": "safetensors",
    "npy": ".npy",
    "hdf5": "HDF5",
    "pickle": "pickle",
    "parquet": "Parquet",
    "shard": "f.read()",
}
UNTOUCHED = ("torch", "shard")

# Why each gains or does not: what strace and the library's report (ZEROPOOL_STATS=exit) show.
NOTES = [
    "torch.load: each tensor is read into a buffer of its own. That buffer comes from the pool, and "
    "all tensors of 2 MiB and more are read in parallel.",
    'safetensors, `load_file(backend="pread")`, which is new in 0.8: a read for each '
    "tensor, as in torch.load.",
    "safetensors, `load_file` as it comes: the file is mapped and nothing is read, so the load alone "
    "gains nothing. Here every tensor is then copied, and the copies come from the pool.",
    "safetensors from bytes: `f.read()` of the file, which gains as that does; then each tensor is "
    "copied into a buffer from the pool.",
    "numpy `.npy`: one read into one array, shared in parallel. numpy asks for huge pages itself, so "
    "that under glibc, too, there are few page faults: what is left to gain is giving the memory "
    "back and asking for it again.",
    "numpy `.npz`: zipfile reads pieces of 256 KiB, too small for parallel reads, and computes "
    "checksums of them, which takes most of the time.",
    "HDF5 (h5py, contiguous data): a read for each dataset into an array of numpy; as `.npy`.",
    "pickle, protocol 5: a read for each array into a buffer without numpy's huge pages: gains as "
    "`f.read()` does.",
    "zarr: chunks of 1 MiB are read and decompressed by threads, which takes most of the time. Chunks and "
    "arrays come from the pool; no read is large enough for parallel reads.",
    "Parquet to pandas: Arrow's buffers come from its own allocator: the library is not asked, and "
    "what differs is chance.",
    "Parquet with `ARROW_DEFAULT_MEMORY_POOL=system`: they come from malloc, hence from the pool, and "
    "the columns are read in parallel; decoding is not faster.",
    "`f.read()` of a whole file, as loaders do that read a shard first: one buffer and one read, "
    "nothing else to do. This gains most.",
    "GGUF (Python's reader for the names and places, `numpy.fromfile` for the tensors, as without "
    "mapping): as `.npy`.",
    "JPEG to arrays (Pillow): decoding takes most of the time. The arrays come from the pool; the "
    "files are small, and nothing is read in parallel.",
]


def make(build):
    """What the loaders read. What was learned in an earlier run is removed: a first process that is
    not measured learns it again."""
    shutil.rmtree(os.path.join(build, "bench", "learned"), ignore_errors=True)
    command = [*PROGRAM, "make", FOLDER.replace("{build}", build), packages.folder_of(build)]
    subprocess.run(command, check=True)


def remove(build):
    shutil.rmtree(FOLDER.replace("{build}", build), ignore_errors=True)


# ---------------------------------------------------------------------- figures


def of(name, figure):
    """A figure of one loader's samples, which have its name before them."""

    def measure(output):
        names = ("load_ms", "free_ms", "peak_mb", "untouched_ms")
        return figure({key: output[f"{name}_{key}"] for key in names if f"{name}_{key}" in output})

    return measure


def figures_of(name, label):
    yield Figure(f"{name}_first_ms", f"{label}: first, ms", of(name, lambda o: o["load_ms"][0]))
    if name in UNTOUCHED:
        untouched = of(name, lambda o: o["untouched_ms"][0])
        yield Figure(f"{name}_untouched_ms", f"{label}: first, untouched, ms", untouched)
    later = of(name, lambda o: statistics.median(both(o)[1:]))
    yield Figure(f"{name}_later_ms", f"{label}: later, ms", later)
    yield Figure(f"{name}_peak_mb", f"{label}: peak, MB", of(name, lambda o: o["peak_mb"][0]))


# ---------------------------------------------------------------------- targets


def different(results):
    """Loads of any line that gave other bytes than the first one of glibc, of all loaders."""
    wrong = 0
    expected = results.measured("glibc")[0]
    for outputs in results.outputs.values():
        for output in outputs:
            for name in LOADERS:
                known = expected.get(f"{name}_digests", [None])[0]
                wrong += sum(digest != known for digest in output.get(f"{name}_digests", []))
    return wrong


def worst(line):
    """The later loads of that loader which loses most, or gains least, against glibc."""

    def measure(results):
        ratios = []
        for name in LOADERS:
            try:
                ratios.append(results.ratio(line, "glibc", f"{name}_later_ms"))
            except NotMeasured:
                if not results.outputs[line]:
                    raise
        if not ratios:
            raise NotMeasured("no loader was measured")
        return max(ratios)

    return measure


QUESTIONS = [
    Question(
        name="loaders",
        title="Loaders",
        about="Files of about 220 MB in the page cache, each loaded four times in a process: GPT-2 "
        "with two layers in most formats, a table of 25 columns of numbers, two pictures of 12 "
        "megapixels. First loads: once with memory that another process has touched just before, "
        "and of some loaders also untouched, after three seconds in which the host may take back "
        "what is free. Later loads are given with the free. What was learned is from an earlier "
        "process.",
        command=[*PROGRAM, "measure", FOLDER, "{build}/peers/python"],
        figures=[figure for item in LOADERS.items() for figure in figures_of(*item)],
        targets=[
            Target("loads with other bytes than under glibc", different, "<=", 0),
            *[
                Target(f"{line} / glibc, later load+free, the worst of all", worst(line), "<=", 1.05)
                for line in ("zeropool", "zeropool-parallel")
            ],
        ],
        base="glibc",
        lines=lines_of("glibc", "zeropool", "zeropool-parallel", "zeropool-learn"),
        parts=[
            Part(name, (name, "--untouched") if name in UNTOUCHED else (name,)) for name in LOADERS
        ],
        charts=[
            Chart([f"{name}_later_ms" for name in DRAWN], list(DRAWN.values()), "later load, ms")
        ],
        notes=NOTES,
        packages=packages.install_all,
        prepare=make,
        clean=remove,
        memory_gib=4,
        seconds=280,
        rounds=3,
    )
]
