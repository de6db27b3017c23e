"""The questions of the benchmark suite: what is run, which figures are taken, what must be reached.

A program prints one JSON object with all its samples. A figure makes one number of it, so each
process gives one; results.py takes the median over processes. A target compares such medians.
"""

import dataclasses
import os
import statistics
import subprocess
import typing

import chart
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
class Part:
    """One of several processes that together make a line's output. A name is put before the keys
    of what its process prints: `scan` makes `scan_hit_percent`."""

    name: str = ""
    arguments: tuple = ()
    environment: dict = dataclasses.field(default_factory=dict)

    @property
    def prefix(self):
        return self.name and f"{self.name}_"


@dataclasses.dataclass
class Question:
    name: str
    title: str
    command: typing.Callable[[str], list]  # the build folder to the program and its arguments
    figures: list
    targets: list
    base: str  # the line that the ratios of the table are taken against; its figure is figures[0]
    lines: list = dataclasses.field(default_factory=lambda: lines_of(EVERY_PEER))
    parts: list = dataclasses.field(default_factory=lambda: [Part()])
    repeats: int = 5
    quick_repeats: int = 2
    memory_gib: float = 1
    # The samples of one process, where the table shall show the processes one by one.
    each: typing.Optional[typing.Callable[[dict], list]] = None
    # Makes a picture of the results at a path; the text says where it is, or why there is none.
    draw: typing.Optional[typing.Callable[[Results, str], str]] = None
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


TRACES = {
    "scan": "loop over all",
    "zipf": "Zipf",
    "hotcold": "hot and cold",
    "stream": "hot and stream",
    "phase": "phases",
}

EVICTION_FIGURES = [
    Figure("mean", "mean, %", lambda o: statistics.mean(o[f"{t}_hit_percent"][0] for t in TRACES)),
    *[
        Figure(trace, f"{label}, %", median_of(f"{trace}_hit_percent"))
        for trace, label in TRACES.items()
    ],
]

# Blocks of less than 1 MiB; untouched, so not scrubbed; half of the ten blocks of 160 MiB.
EVICTION_ENVIRONMENT = {
    "ZEROPOOL_MIN_SIZE": "64K",
    "ZEROPOOL_ZERO": "off",
    "ZEROPOOL_TLS_CACHE": "0",
    "ZEROPOOL_MAX_MEMORY": "800M",
    "ZEROPOOL_STATS": "exit",
}

KEPT = (100, 4000)


def turnover_environment(kept):
    return {
        "ZEROPOOL_ZERO": "off",
        "ZEROPOOL_TLS_CACHE": "0",
        "ZEROPOOL_MAX_MEMORY": f"{kept}M",
    }


def turnover_growth(output):
    most, fewest = (output[f"kept{n}_pair_ns"] for n in (KEPT[-1], KEPT[0]))
    return statistics.median(most) / statistics.median(fewest)


FORK_SIZES = {"64MiB": 64 << 20, "4MiB": 4 << 20, "1MiB": 1 << 20}
FORK_PARTS = [
    Part("nothing"),
    *[Part(name, (str(size),)) for name, size in FORK_SIZES.items()],
    Part("trimmed", (str(1 << 20), "--trim")),
]
FORK_ENVIRONMENT = {"ZEROPOOL_MAX_MEMORY": "2G"}


def fork_ratio(part, kind):
    """Fork of one part by fork with nothing kept."""

    def of(output):
        kept, nothing = output[f"{part}_{kind}_ms"], output[f"nothing_{kind}_ms"]
        return statistics.median(kept) / statistics.median(nothing)

    return of


FORK_FIGURES = [
    Figure("nothing", "nothing kept, ms", median_of("nothing_still_ms")),
    *[Figure(f"{size}_still", f"{size}, ratio", fork_ratio(size, "still")) for size in FORK_SIZES],
    *[
        Figure(f"{size}_reused", f"{size}, reused", fork_ratio(size, "reused"))
        for size in FORK_SIZES
    ],
    Figure("trimmed_still", "1MiB, trimmed", fork_ratio("trimmed", "still")),
    Figure("use", "64MiB, use, ms", median_of("64MiB_use_ms")),
]


def above_start(output, kib):
    return kib - output["before_kib"][0]


def calls_to_give_back(output):
    """Calls until a twentieth of what was kept is left; one more than there were, if never."""
    most = above_start(output, output["freed_kib"][0]) / 20
    is_back = [above_start(output, kib) <= most for kib in output["rss_kib"]]
    return [*is_back, True].index(True) + 1


# ---------------------------------------------------------------------- targets


def ratio(figure, over, under):
    """The median of one line by that of another."""
    return lambda results: results.median(over, figure) / results.median(under, figure)


def value(figure, line):
    return lambda results: results.median(line, figure)


def ahead(figure, line, other):
    """By how much the median of one line is above that of another."""
    return lambda results: results.median(line, figure) - results.median(other, figure)


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
        name="reuse",
        title="writing again to a pooled buffer of 64 MiB that the kernel may take",
        command=program("reuse"),
        figures=[
            Figure("turn_ms", "malloc, write, free, ms", median_of("turn_ms")),
            Figure("write_ms", "write, ms", median_of("write_ms")),
        ],
        targets=[
            Target(
                "zeropool: at most 1.05 of what it takes when nothing is marked",
                ratio("turn_ms", "zeropool", "zeropool-eager"),
                at_most=1.05,
            ),
        ],
        base="zeropool-eager",
        lines=lines_of(("zeropool", "zeropool-eager")),
        parts=[Part(environment={"ZEROPOOL_TLS_CACHE": "0"})],
        repeats=15,
        quick_repeats=7,
    ),
    Question(
        name="fork",
        title="fork of a process of 256 MiB when the allocator keeps 1 GiB besides",
        command=program("fork"),
        figures=FORK_FIGURES,
        targets=[
            Target(
                f"zeropool, buffers of {size}{how}: at most 1.2 of fork with nothing kept",
                value(f"{size}_{kind}", "zeropool"),
                at_most=1.2,
            )
            for kind, how in (("still", ""), ("reused", " used again before each fork"))
            for size in FORK_SIZES
        ],
        base="glibc",
        lines=lines_of(("glibc", "jemalloc", "tcmalloc", "zeropool")),
        parts=[dataclasses.replace(part, environment=FORK_ENVIRONMENT) for part in FORK_PARTS],
        repeats=3,
        quick_repeats=1,
        memory_gib=2,
    ),
    Question(
        name="eviction",
        title="hit rate when the pool may keep half of what is used in turns",
        command=program("eviction"),
        figures=EVICTION_FIGURES,
        targets=[
            Target(
                f"zeropool, {TRACES[trace]}: points ahead of LIFO",
                ahead(trace, "zeropool", "zeropool-lifo"),
                at_least=least,
            )
            for trace, least in (
                ("scan", 10),
                ("zipf", 0),
                ("hotcold", 0),
                ("stream", 10),
                ("phase", 0),
            )
        ],
        base="zeropool-lifo",
        lines=lines_of(("zeropool", "zeropool-lifo")),
        parts=[Part(trace, (trace,), EVICTION_ENVIRONMENT) for trace in TRACES],
        repeats=2,
        quick_repeats=1,
        draw=lambda results, path: chart.draw(
            results, list(TRACES.values()), EVICTION_FIGURES[1:], path
        ),
    ),
    Question(
        name="turnover",
        title="1 MiB buffers, half of them let go and made anew",
        command=program("turnover"),
        figures=[
            *[Figure(f"kept{n}", f"{n} kept, ns", median_of(f"kept{n}_pair_ns")) for n in KEPT],
            Figure("growth", "most / fewest", turnover_growth),
        ],
        targets=[
            Target(
                f"zeropool: with {KEPT[-1]} kept at most 1.15 of with {KEPT[0]}",
                value("growth", "zeropool"),
                at_most=1.15,
            ),
        ],
        base="zeropool-lifo",
        lines=lines_of(("zeropool", "zeropool-lifo")),
        parts=[Part(f"kept{n}", (str(n),), turnover_environment(n)) for n in KEPT],
        repeats=5,
        quick_repeats=2,
    ),
    Question(
        name="idle",
        title="giving back GPT-2's 160 tensors (548 MB) that were freed and lie idle",
        command=program("idle"),
        figures=[
            Figure("calls", "calls to 95% back", calls_to_give_back),
            Figure("longest_ms", "longest call, ms", lambda o: max(o["call_ms"])),
            Figure("sum_ms", "all calls, ms", lambda o: sum(o["call_ms"])),
            Figure("kept_mib", "kept, MiB", lambda o: above_start(o, o["freed_kib"][0]) / 1024),
            Figure("left_mib", "left, MiB", lambda o: above_start(o, o["rss_kib"][-1]) / 1024),
        ],
        targets=[
            Target("zeropool: 95% is back within 5 calls", value("calls", "zeropool"), at_most=5),
        ],
        base="zeropool-eager",
        lines=lines_of(("zeropool", "zeropool-eager")),
        parts=[Part(environment={"ZEROPOOL_DECAY_MS": "200"})],
        repeats=5,
        quick_repeats=2,
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
