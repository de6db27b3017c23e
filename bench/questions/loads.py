"""Reading big buffers from files: GPT-2's 160 tensors in C, torch and numpy; one single buffer."""

import os
import statistics
import subprocess

from suite.places import PYTHON, WORKLOADS
from suite.question import (
    MAIN,
    OURS,
    PEERS,
    Chart,
    Figure,
    Line,
    NotMeasured,
    Part,
    Question,
    Target,
    lines_of,
    program,
    ratio,
    value,
)
from workloads import gpt2

CHUNK = 1 << 20
LOADS = {"pt": 10, "npz": 6}  # in one process; under glibc the first of torch's differ from later
GAPS_MS = {50: 5, 500: 3, 5000: 1}  # milliseconds of other work to how often a process has them
MODES = ("zeropool-background", "zeropool-prewarm", "zeropool-learn", "zeropool-parallel")
WITH_MODES = lines_of(*MAIN, "zeropool", *MODES)
LIMIT = Line("limit", "glibc", ("--warm",), kind="limit")
LIMIT_OF_TWO = Line("limit-two", "glibc", ("--warm", "2"), kind="limit")


# ---------------------------------------------------------------------- figures


def later(key):
    """Median over one process's loads from the second on."""
    return lambda output: statistics.median(output[key][1:])


def both(output):
    """Load and free together, of every load of one process."""
    return [load + free for load, free in zip(output["load_ms"], output["free_ms"])]


def free_by_load(output):
    """Later frees by later loads: with zeroing, what it adds to a load."""
    return later("free_ms")(output) / later("load_ms")(output)


LOAD_FIGURES = [
    Figure("later_ms", "later load+free, ms", lambda o: statistics.median(both(o)[1:])),
    Figure("load_ms", "later load, ms", later("load_ms")),
    Figure("free_ms", "later free, ms", later("free_ms")),
    Figure("first_ms", "first load, ms", lambda o: o["load_ms"][0]),
]
LOAD_CHART = Chart(["first_ms", "later_ms"], ["first load", "later load + free"], "ms")


def gap_figures(gap):
    """Loads right after another, and loads after a gap, of the same process."""
    name = f"gap{gap}"

    def near(output):
        return statistics.median(output[f"{name}_near_ms"])

    def after(output):
        return statistics.median(output[f"{name}_after_ms"])

    label = f"{gap} ms" if gap < 1000 else f"{gap // 1000} s"
    return [
        Figure(f"{name}_after_ms", f"after {label}, ms", after),
        Figure(f"{name}_ratio", f"after {label} / at once", lambda o: after(o) / near(o)),
    ]


def glibc_loads(is_fast):
    """Load and free together, of all later loads of glibc of one kind, by that of zeropool.

    torch.load under glibc goes either way, and may change within a process: a load is slow when
    the heap was trimmed before it, so that every page faults in anew, and fast when it was not.
    """

    def measure(results):
        ours, chosen = results.median("zeropool", "later_ms"), []
        for output in results.measured("glibc"):
            bound = output["faults"][0] / 2
            chosen += [
                milliseconds
                for milliseconds, faults in zip(both(output)[1:], output["faults"][1:])
                if (faults < bound) == is_fast
            ]
        if not chosen:
            raise NotMeasured(f"no load of glibc was {'fast' if is_fast else 'slow'} in this run")
        return statistics.median(chosen) / ours

    return measure


def first_by_later(line):
    """With everything ready before, the first load is hardly slower than the later ones."""
    return Target(
        f"{line}, first load / later ones",
        lambda results: results.median(line, "first_ms") / results.median(line, "load_ms"),
        "<=",
        1.2,
    )


# ---------------------------------------------------------------------- files


LOADER_FILE = "{build}/bench/gpt2.bin"


def make_loader_file(build):
    """Random bytes of the tensors' total size, written out and left in the page cache."""
    path = LOADER_FILE.replace("{build}", build)
    left, chunk = sum(gpt2.sizes()), os.urandom(CHUNK)
    with open(path, "wb") as file:
        while left > 0:
            left -= file.write(chunk[:left])
        file.flush()
        os.fsync(file.fileno())
    with open(path, "rb", buffering=0) as file:
        while file.read(CHUNK):
            pass


def remove_loader_file(build):
    path = LOADER_FILE.replace("{build}", build)
    if os.path.exists(path):
        os.remove(path)


def load_command(kind):
    """The process that loads one of the demo's checkpoints again and again."""
    checkpoint = f"{{build}}/demo/checkpoint.{kind}"
    loads = ["--loads", str(LOADS[kind]), "--no-digests"]
    return [PYTHON, os.path.join(WORKLOADS, "loads.py"), "measure", checkpoint, *loads]


def make_checkpoint(build):
    """The demo's checkpoints, made if they are not there; `scripts/demo --clean` removes them."""
    maker = os.path.join(WORKLOADS, "gpt2.py")
    subprocess.run([PYTHON, maker, "make", os.path.join(build, "demo")], check=True)


# ---------------------------------------------------------------------- the list

QUESTIONS = [
    Question(
        name="loader",
        title="Loading GPT-2 in C",
        about="malloc, pread and free of GPT-2's 160 tensors (548 MB) from the page cache, ten "
        "loads in a process; the limit is reading into memory that is there already, limit-two the "
        "same by two threads.",
        command=program("loader", LOADER_FILE),
        figures=[
            *LOAD_FIGURES,
            Figure("faults", "later faults", later("minor_faults"), ""),
            Figure("peak_mib", "peak, MiB", lambda o: o["peak_kib"][0] / 1024),
        ],
        targets=[
            Target(
                "zeropool, later load+free / the limit",
                ratio("later_ms", "zeropool", "limit"),
                "<=",
                1.35,
            ),
            Target(
                "zeropool-parallel, later load+free / the limit",
                ratio("later_ms", "zeropool-parallel", "limit"),
                "<=",
                0.85,
            ),
            Target(
                "zeropool-parallel / zeropool, first load",
                ratio("first_ms", "zeropool-parallel", "zeropool"),
                "<=",
                0.6,
            ),
            Target(
                "zeropool / glibc, peak memory", ratio("peak_mib", "zeropool", "glibc"), "<=", 1.05
            ),
        ],
        base="limit",
        lines=[
            *lines_of(*PEERS, *OURS, *MODES),
            LIMIT,
            LIMIT_OF_TWO,
        ],
        charts=[LOAD_CHART],
        memory_gib=2,
        each_gib=1.5,
        prepare=make_loader_file,
        clean=remove_loader_file,
        seconds=58,
        rounds=5,
    ),
    Question(
        name="torch",
        title="Loading GPT-2 with torch.load",
        about="torch.load of a checkpoint of 548 MB, then freeing the tensors, ten times in a "
        "process.",
        command=load_command("pt"),
        figures=[*LOAD_FIGURES, Figure("share", "later free / load", free_by_load, "")],
        targets=[
            Target("glibc's slow loads / zeropool's later ones", glibc_loads(False), ">=", 5),
            Target("glibc's fast loads / zeropool's later ones", glibc_loads(True), ">=", 2.3),
            Target(
                "zeropool / tcmalloc, later load+free",
                ratio("later_ms", "zeropool", "tcmalloc"),
                "<=",
                1.15,
            ),
            Target(
                "zeropool-parallel / tcmalloc, later load+free",
                ratio("later_ms", "zeropool-parallel", "tcmalloc"),
                "<=",
                0.8,
            ),
            Target(
                "zeropool-background / tcmalloc, later load+free",
                ratio("later_ms", "zeropool-background", "tcmalloc"),
                "<=",
                1,
            ),
            Target(
                "glibc / zeropool, first load", ratio("first_ms", "glibc", "zeropool"), ">=", 2
            ),
            first_by_later("zeropool-prewarm"),
            first_by_later("zeropool-learn"),
        ],
        base="glibc",
        lines=WITH_MODES,
        charts=[LOAD_CHART],
        each=lambda output: both(output)[1:],
        memory_gib=3,
        prepare=make_checkpoint,
        seconds=110,
        rounds=5,
    ),
    Question(
        name="npz",
        title="Loading GPT-2 with numpy.load",
        about="numpy.load of every array of an .npz file of 548 MB, then freeing them, six times "
        "in a process.",
        command=load_command("npz"),
        figures=LOAD_FIGURES,
        base="glibc",
        lines=lines_of(*MAIN, "zeropool"),
        charts=[LOAD_CHART],
        memory_gib=3,
        prepare=make_checkpoint,
        seconds=52,
        rounds=3,
    ),
    Question(
        name="gaps",
        title="Loading GPT-2 in C with other work in between",
        about="The loader, where every third load comes after 50 ms, 500 ms or 5 s of computing "
        "and of small blocks, off the clock; load and free together, against the loads of the same "
        "process that follow another at once.",
        command=program("loader", LOADER_FILE),
        figures=[figure for gap in GAPS_MS for figure in gap_figures(gap)],
        targets=[
            Target(
                f"zeropool, load+free after {gap} ms / at once",
                value(f"gap{gap}_ratio", "zeropool"),
                "<=",
                1.05,
            )
            for gap in GAPS_MS
        ],
        base="glibc",
        lines=lines_of("glibc", "zeropool", "zeropool-background"),
        parts=[
            Part(f"gap{gap}", ("--gap", str(gap), str(count))) for gap, count in GAPS_MS.items()
        ],
        memory_gib=2,
        prepare=make_loader_file,
        clean=remove_loader_file,
        seconds=86,
        rounds=2,
    ),
    Question(
        name="single",
        title="One buffer of 500 MB",
        about="malloc of 500 MB, read(2) of a file in the page cache until it is full, free; the "
        "limit is reading into memory that is there already.",
        command=program("single", LOADER_FILE),
        figures=[
            Figure("later_ms", "later turn, ms", later("turn_ms")),
            Figure("read_ms", "later read, ms", later("read_ms")),
            Figure("free_ms", "later free, ms", later("free_ms")),
            Figure("first_ms", "first turn, ms", lambda o: o["turn_ms"][0]),
        ],
        base="limit",
        lines=[*lines_of(*MAIN, *OURS, "zeropool-background"), LIMIT],
        charts=[Chart(["first_ms", "later_ms"], ["first turn", "later turns"], "ms")],
        memory_gib=2,
        prepare=make_loader_file,
        clean=remove_loader_file,
        seconds=30,
        rounds=4,
    ),
]
