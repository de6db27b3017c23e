"""The questions of the benchmark suite: what is run, which figures are taken, what must be reached.

A program prints one JSON object with all its samples. A figure makes one number of it, so each
process gives one; results.py takes the median over processes. A target compares such medians.
"""

import dataclasses
import os
import statistics
import subprocess
import typing

import gpt2
from results import NotMeasured, Results

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"  # the distribution's, which has its torch
CHUNK = 1 << 20
TORCH_LOADS = 10  # in one process; under glibc the first few are often of one kind, later ones not

EVERY_PEER = (
    "glibc",
    "glibc-tuned",
    "jemalloc",
    "jemalloc-tuned",
    "mimalloc",
    "tcmalloc",
    "zeropool",
    "zeropool-off",
)


@dataclasses.dataclass
class Figure:
    key: str
    label: str
    of: typing.Callable[[dict], float]  # the output of one process to one number


@dataclasses.dataclass
class Target:
    """`measure` gives the figure that has to be at most or at least `limit`."""

    text: str
    measure: typing.Callable[[Results], float]
    at_most: typing.Optional[float] = None
    at_least: typing.Optional[float] = None

    @property
    def limit(self):
        return self.at_least if self.at_most is None else self.at_most

    def is_met(self, value):
        return value >= self.at_least if self.at_most is None else value <= self.at_most


@dataclasses.dataclass
class Line:
    """One line of a question's table: a peer, and what its program gets besides."""

    name: str
    peer: str
    arguments: tuple = ()


@dataclasses.dataclass
class Question:
    name: str
    title: str
    command: typing.Callable[[str], list]  # the build folder to the program and its arguments
    figures: list
    targets: list
    base: str  # the line that the ratios of the table are taken against; its figure is figures[0]
    lines: list = dataclasses.field(default_factory=lambda: lines_of(EVERY_PEER))
    repeats: int = 5
    quick_repeats: int = 2
    memory_gib: float = 1
    # The samples of one process, where the table shall show the processes one by one.
    each: typing.Optional[typing.Callable[[dict], list]] = None
    prepare: typing.Callable[[str], None] = lambda build: None
    clean: typing.Callable[[str], None] = lambda build: None


def lines_of(peers):
    return [Line(peer, peer) for peer in peers]


# ---------------------------------------------------------------------- figures


def median_of(key):
    return lambda output: statistics.median(output[key])


def later(output, key):
    """Median over one process's loads from the second on."""
    return statistics.median(output[key][1:])


def loads_of(output):
    """Load and free together, of each load of one process from the second on."""
    return [load + free for load, free in zip(output["load_ms"], output["free_ms"])][1:]


LOAD_FIGURES = [
    Figure("later_ms", "later load+free, ms", lambda o: statistics.median(loads_of(o))),
    Figure("load_ms", "later load, ms", lambda o: later(o, "load_ms")),
    Figure("free_ms", "later free, ms", lambda o: later(o, "free_ms")),
    Figure("first_ms", "first load, ms", lambda o: o["load_ms"][0]),
]

PAIR_SIZES = ("1MiB_ns", "64MiB_ns", "1GiB_ns")


def unevenness(output):
    """How far the sizes are apart in one process: the slowest by the fastest."""
    pairs = [statistics.median(output[size]) for size in PAIR_SIZES]
    return max(pairs) / min(pairs)


# ---------------------------------------------------------------------- targets


def ratio(figure, over, under):
    """The median of one line by that of another."""
    return lambda results: results.median(over, figure) / results.median(under, figure)


def value(figure, line):
    return lambda results: results.median(line, figure)


def glibc_loads(results, is_fast):
    """Load and free together, of all later loads of glibc of one kind, by that of zeropool.

    torch.load under glibc goes either way, and may change within a process: a load is slow when
    the heap was trimmed before it, so that every page faults in anew, and fast when it was not.
    """
    ours, chosen = results.median("zeropool", "later_ms"), []
    for output in results.measured("glibc"):
        bound = output["faults"][0] / 2
        chosen += [
            milliseconds
            for milliseconds, faults in zip(loads_of(output), output["faults"][1:])
            if (faults < bound) == is_fast
        ]
    if not chosen:
        raise NotMeasured(f"no load of glibc was {'fast' if is_fast else 'slow'} in this run")
    return statistics.median(chosen) / ours


# ---------------------------------------------------------------------- commands and files


def program(name):
    return lambda build: [os.path.join(build, "bench", f"bench-{name}")]


def loader_file(build):
    return os.path.join(build, "bench", "gpt2.bin")


def make_loader_file(build):
    """Random bytes of the tensors' total size, written out and left in the page cache."""
    left, chunk = sum(gpt2.sizes()), os.urandom(CHUNK)
    with open(loader_file(build), "wb") as file:
        while left > 0:
            left -= file.write(chunk[:left])
        file.flush()
        os.fsync(file.fileno())
    with open(loader_file(build), "rb", buffering=0) as file:
        while file.read(CHUNK):
            pass


def remove_loader_file(build):
    if os.path.exists(loader_file(build)):
        os.remove(loader_file(build))


def torch_command(build):
    checkpoint = os.path.join(build, "demo", "checkpoint.pt")
    loads = os.path.join(HERE, "loads.py")
    return [PYTHON, loads, "measure", checkpoint, "--loads", str(TORCH_LOADS)]


def make_checkpoint(build):
    """The demo's checkpoint, made if it is not there; `scripts/demo` removes it on request."""
    maker = os.path.join(HERE, "gpt2.py")
    subprocess.run([PYTHON, maker, "make", os.path.join(build, "demo")], check=True)


# ---------------------------------------------------------------------- the list

QUESTIONS = [
    Question(
        name="loader",
        title="C loader: malloc, pread, free of GPT-2's 160 tensors (548 MB)",
        command=lambda build: [*program("loader")(build), loader_file(build)],
        figures=[
            *LOAD_FIGURES,
            Figure("faults", "later faults", lambda o: later(o, "minor_faults")),
            Figure("peak_mib", "peak, MiB", lambda o: o["peak_kib"][0] / 1024),
        ],
        targets=[
            Target(
                "zeropool, later load+free: at most 1.35 of the limit",
                ratio("later_ms", "zeropool", "limit"),
                at_most=1.35,
            ),
            Target(
                "zeropool, peak memory: at most 1.05 of glibc's",
                ratio("peak_mib", "zeropool", "glibc"),
                at_most=1.05,
            ),
        ],
        base="limit",
        lines=[*lines_of(EVERY_PEER), Line("limit", "glibc", ("--warm",))],
        memory_gib=2,
        prepare=make_loader_file,
        clean=remove_loader_file,
    ),
    Question(
        name="pair",
        title="get and put of one untouched buffer",
        command=program("pair"),
        figures=[
            *[Figure(key, f"{key[:-3]}, ns", median_of(key)) for key in PAIR_SIZES],
            Figure("unevenness", "max/min", unevenness),
        ],
        targets=[
            Target(
                "zeropool-off, slowest size: at most 1.15 of the fastest",
                value("unevenness", "zeropool-off"),
                at_most=1.15,
            ),
            Target(
                "zeropool-off, 1 MiB: at most 0.5 of glibc's",
                ratio("1MiB_ns", "zeropool-off", "glibc"),
                at_most=0.5,
            ),
        ],
        base="glibc",
        repeats=7,
        quick_repeats=3,
    ),
    Question(
        name="small",
        title="malloc and free of small blocks",
        command=program("small"),
        figures=[
            Figure("pair_ns", "64 bytes, ns", median_of("pair_ns")),
            Figure("mix_ns", "16..1040 bytes, ns", median_of("mix_ns")),
        ],
        targets=[
            Target(
                "zeropool, 64 bytes: at most 1.20 of jemalloc's",
                ratio("pair_ns", "zeropool", "jemalloc"),
                at_most=1.20,
            ),
            Target(
                "zeropool, mix: at most 1.10 of jemalloc's",
                ratio("mix_ns", "zeropool", "jemalloc"),
                at_most=1.10,
            ),
        ],
        base="jemalloc",
        repeats=15,
        quick_repeats=5,
    ),
    Question(
        name="realloc",
        title="growing one buffer from 64 MiB to 4 GiB by doubling",
        command=program("realloc"),
        figures=[Figure("grow_ms", "all six steps, ms", median_of("grow_ms"))],
        targets=[
            Target(
                "zeropool: at least 10 times faster than jemalloc",
                ratio("grow_ms", "jemalloc", "zeropool"),
                at_least=10,
            ),
        ],
        base="glibc",
        repeats=3,
        quick_repeats=1,
        memory_gib=7,
    ),
    Question(
        name="resident",
        title="real memory that a written buffer of 5.12 MB takes",
        command=program("resident"),
        figures=[
            Figure(
                "share",
                "resident / asked",
                lambda o: o["resident_bytes"][0] / o["asked_bytes"][0],
            ),
            Figure("bytes", "bytes a buffer", median_of("resident_bytes")),
        ],
        targets=[
            Target(
                "zeropool: at most 1.01 of what was asked", value("share", "zeropool"), at_most=1.01
            ),
        ],
        base="glibc",
        repeats=3,
        quick_repeats=1,
    ),
    Question(
        name="torch",
        title="torch.load of a GPT-2 checkpoint (548 MB)",
        command=torch_command,
        figures=LOAD_FIGURES,
        targets=[
            Target(
                "zeropool: at least 5 times faster than glibc's slow loads",
                lambda results: glibc_loads(results, is_fast=False),
                at_least=5,
            ),
            Target(
                "zeropool: at least 2.3 times faster than glibc's fast loads",
                lambda results: glibc_loads(results, is_fast=True),
                at_least=2.3,
            ),
            Target(
                "zeropool: at most 1.35 of tcmalloc",
                ratio("later_ms", "zeropool", "tcmalloc"),
                at_most=1.35,
            ),
            Target(
                "zeropool, first load: at least 2 times faster than glibc's",
                ratio("first_ms", "glibc", "zeropool"),
                at_least=2,
            ),
        ],
        base="glibc",
        lines=lines_of(("glibc", "tcmalloc", "zeropool")),
        repeats=8,
        quick_repeats=3,
        memory_gib=3,
        each=loads_of,
        prepare=make_checkpoint,
    ),
]
