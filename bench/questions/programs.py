"""Whole programs that know nothing of any of this, and the buffer pools of Rust."""

import os
import shutil
import subprocess

from suite.places import PEERS, PYTHON, WORKLOADS
from suite.question import (
    MAIN,
    OURS,
    Chart,
    Figure,
    Line,
    NotMeasured,
    Part,
    Question,
    Target,
    lines_of,
    median_of,
    medians,
    ratio,
)

from .loads import LOADER_FILE, make_loader_file, remove_loader_file
from .patterns import PATTERNS, PRESSED
from .threads import names

WORKS = {
    "redis": "redis",
    "arrays": "numpy, arithmetic",
    "fft": "numpy, FFT",
    "arraysort": "numpy, sort",
    "filesort": "sort",
    "picture": "ImageMagick",
    "xz": "xz",
    "zstd": "zstd, a context a call",
    "gcc": "gcc",
}
WORKS_FOLDER = "{build}/bench/works"
WORKS_PROGRAM = [PYTHON, "-B", os.path.join(WORKLOADS, "works.py")]


def make_works(build):
    """What the works read, made once."""
    subprocess.run([*WORKS_PROGRAM, "make", WORKS_FOLDER.replace("{build}", build)], check=True)


def remove_works(build):
    shutil.rmtree(WORKS_FOLDER.replace("{build}", build), ignore_errors=True)


RUST_POOLS = (
    "zeropool-0.3.1",
    "zeropool-0.7.0",
    "zeropool-0.7.0-nozero",
    "santh-bufpool",
    "lifeguard",
    "sharded-slab",
    "bytes",
)
RUST_SIZES = {"size_1KiB": "1 KiB", "size_64KiB": "64 KiB", "size_1MiB": "1 MiB"}
RUST_THREADS = names("threads", (1, 2, 4, 8))


def build_rust(build):
    """Cargo fetches the pools; without it, what was built elsewhere and brought here is used."""
    if not shutil.which("cargo"):
        if os.path.exists(os.path.join(build, "peers", "release", "bench-peers")):
            return
        raise NotMeasured("cargo is not installed")
    # Built from a copy: cargo writes a file beside the sources.
    source, target = (os.path.join(build, "peers", name) for name in ("source", ""))
    shutil.copytree(os.path.join(PEERS, "pools"), source, dirs_exist_ok=True)
    command = ["cargo", "build", "--quiet", "--release", "--target-dir", target]
    manifest = ["--manifest-path", os.path.join(source, "Cargo.toml")]
    done = subprocess.run([*command, *manifest], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
        raise NotMeasured(f"cargo cannot build bench/peers/pools: {''.join(errors[:1])}")


def prepare_rust(build):
    build_rust(build)
    make_loader_file(build)


def rust_lines():
    """Each pool; and malloc, called from Rust. How the other allocators do is in `patterns`."""
    for pool in RUST_POOLS:
        yield Line(f"Rust {pool}", "glibc", (pool,))
    for line in lines_of("glibc", *OURS):
        yield Line(line.name, line.peer, ("malloc",), line.kind)


QUESTIONS = [
    Question(
        name="programs",
        title="Whole programs",
        about="Wall seconds: redis-server that sets and gets values of 2 MiB over a socket; numpy "
        "arithmetic, FFT and sorting with temporaries of 8 to 64 MiB; sort(1) of a text file of "
        "40 MB with a buffer of 512 MiB; convert of ImageMagick with a picture of 2 megapixels; "
        "xz(1) of 1 MB of text; libzstd with a context for every MiB; gcc -O2 of 150 functions. "
        "What is not installed has a dash.",
        command=WORKS_PROGRAM,
        figures=medians("s", "s", WORKS),
        targets=[
            Target(f"zeropool / glibc, {label}", ratio(f"{name}_s", "zeropool", "glibc"), "<=", 1.02)
            for name, label in WORKS.items()
        ],
        base="glibc",
        lines=lines_of(*MAIN, "zeropool"),
        parts=[Part("", (name, WORKS_FOLDER)) for name in WORKS],
        charts=[Chart([f"{name}_s" for name in WORKS], list(WORKS.values()), "seconds")],
        memory_gib=3,
        prepare=make_works,
        clean=remove_works,
        seconds=130,
        rounds=3,
    ),
    Question(
        name="rust",
        title="Buffer pools of Rust",
        about="Pools that Rust programs link, and malloc called from Rust: "
        "the patterns from above, pairs by size, pairs of 1 MiB by many threads, and reading "
        "GPT-2's tensors. A pool that has no counterpart for something has no figure there.",
        command=["{build}/peers/release/bench-peers"],
        figures=[
            *medians("ns", "ns", {**PATTERNS, "pressure": "pressure"}),
            *medians("ns", "ns", RUST_SIZES),
            *medians("mops", "Mops", RUST_THREADS, "more"),
            Figure("load_ms", "load, ms", median_of("load_ms")),
            Figure("free_ms", "free, ms", median_of("free_ms")),
        ],
        base="zeropool",
        lines=list(rust_lines()),
        parts=[
            Part("", ("patterns",), PRESSED),
            *[Part("", (group,)) for group in ("sizes", "threads")],
            Part("", ("load", LOADER_FILE)),
        ],
        memory_gib=4,
        prepare=prepare_rust,
        clean=remove_loader_file,
        seconds=75,
        rounds=1,
    ),
]
