"""What single calls cost: malloc, calloc, realloc and free, by size, in time and instructions."""

import os
import shutil
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
    Question,
    Target,
    lines_of,
    median_of,
    medians,
    program,
    ratio,
    value,
)

PAIR_SIZES = ("1MiB_ns", "64MiB_ns", "1GiB_ns")
SCRUB_SIZES = {f"{mib}MiB": f"{mib} MiB" for mib in (1, 4, 16, 64, 512)}
WAYS = {"memset": "memset", "stosb": "rep stosb", "stream": "streaming stores"}


def unevenness(output):
    """How far the sizes are apart in one process: the slowest by the fastest."""
    pairs = [statistics.median(output[size]) for size in PAIR_SIZES]
    return max(pairs) / min(pairs)


def cycles(output):
    """Of one pair of 1 MiB, at the clock rate that the machine tells of itself."""
    return statistics.median(output["1MiB_ns"]) * output["clock_mhz"][0] / 1000


def scrub_ratio(size):
    """free by the fastest way to write as many zeros, of one process."""

    def of(output):
        best = min(statistics.median(output[f"{size}_{way}_us"]) for way in WAYS)
        return statistics.median(output[f"{size}_free_us"]) / best

    return of


def need_valgrind(_build):
    if not shutil.which("valgrind"):
        raise NotMeasured("valgrind is not installed")


COUNTED = {"small": "64 bytes", "off": "1 MiB, no zeroing"}


def prepare_counting(build):
    need_valgrind(build)
    try:
        subprocess.run([PYTHON, "-B", os.path.join(WORKLOADS, "counting.py"), "--build", build], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotMeasured(f"no build that counts twice: {error}") from error


QUESTIONS = [
    Question(
        name="pair",
        title="Getting an untouched buffer and giving it back",
        about="malloc and free of one buffer of 1 MiB, 64 MiB and 1 GiB that nobody touches. "
        "The line nothing is an allocator that does nothing: what the two calls cost. "
        "Cycles are of the clock rate in /proc/cpuinfo, which may not be the real one.",
        command=program("pair"),
        figures=[
            *[Figure(key, f"{key[:-3]}, ns", median_of(key)) for key in PAIR_SIZES],
            Figure("unevenness", "slowest / fastest size", unevenness, ""),
            Figure("cycles", "1MiB, cycles", cycles, ""),
        ],
        targets=[
            Target(
                "zeropool-off, 1 MiB, ns on a core of 3 to 5 GHz",
                value("1MiB_ns", "zeropool-off"),
                "<=",
                4,
            ),
            Target(
                "zeropool-off, 1 GiB, ns on a core of 3 to 5 GHz",
                value("1GiB_ns", "zeropool-off"),
                "<=",
                4,
            ),
            Target(
                "zeropool-off, slowest size / fastest",
                value("unevenness", "zeropool-off"),
                "<=",
                1.15,
            ),
            Target(
                "zeropool-off / glibc, 1 MiB", ratio("1MiB_ns", "zeropool-off", "glibc"), "<=", 0.5
            ),
            *[
                Target(
                    f"zeropool-off / nothing, {key[:-3]}",
                    ratio(key, "zeropool-off", "nothing"),
                    "<=",
                    1.25,
                )
                for key in PAIR_SIZES
            ],
        ],
        against=[
            Target("zeropool / other, 1 MiB", ratio("1MiB_ns", "zeropool", "other"), "<=", 0.6)
        ],
        base="glibc",
        lines=[*lines_of(*PEERS, *OURS), Line("nothing", "nothing", kind="limit")],
        seconds=21,
        rounds=7,
        quick_rounds=3,
    ),
    Question(
        name="touch",
        title="Getting a buffer, writing to it, giving it back",
        about="malloc of 1 MiB or 16 MiB, a write to one byte of each page or to all of it, free.",
        command=program("touch"),
        figures=medians(
            "us",
            "us",
            {
                "1MiB_pages": "1 MiB, a byte a page",
                "1MiB_all": "1 MiB, all",
                "16MiB_pages": "16 MiB, a byte a page",
                "16MiB_all": "16 MiB, all",
            },
        ),
        base="glibc",
        seconds=25,
        rounds=5,
    ),
    Question(
        name="small",
        title="Small blocks, which the pool only passes on",
        about="malloc and free of 64 bytes; and a ring of 256 live blocks of 16 to 1040 bytes, of "
        "which the oldest is freed and a new one made.",
        command=program("small"),
        figures=medians("ns", "ns", {"pair": "64 bytes", "mix": "16..1040 bytes"}),
        targets=[
            Target(
                "zeropool / jemalloc, 64 bytes", ratio("pair_ns", "zeropool", "jemalloc"), "<=", 1.05
            ),
            Target(
                "zeropool / jemalloc, mix", ratio("mix_ns", "zeropool", "jemalloc"), "<=", 1.05
            ),
        ],
        base="jemalloc",
        lines=lines_of("jemalloc", *PEERS, *OURS),
        seconds=25,
        rounds=12,
        quick_rounds=5,
    ),
    Question(
        name="calloc",
        title="calloc of a big buffer",
        about="calloc and free of 512 MiB that nobody touches, again and again, and by how much "
        "the resident memory of the process grew meanwhile.",
        command=program("calloc"),
        figures=[
            Figure("pair_us", "calloc+free, us", median_of("pair_us")),
            Figure("grown_kib", "grown by, KiB", median_of("grown_kib")),
        ],
        targets=[
            Target("zeropool, us", value("pair_us", "zeropool"), "<=", 20),
            Target("zeropool, KiB grown", value("grown_kib", "zeropool"), "<=", 1024),
        ],
        base="glibc",
        seconds=15,
        rounds=5,
    ),
    Question(
        name="realloc",
        title="Growing a buffer",
        about="realloc of one buffer from 64 MiB to 4 GiB by doubling, six steps, its pages "
        "written before and looked at after each.",
        command=program("realloc"),
        figures=[Figure("grow_ms", "all six steps, ms", median_of("grow_ms"))],
        targets=[
            Target("zeropool / glibc", ratio("grow_ms", "zeropool", "glibc"), "<=", 1.2),
            Target("jemalloc / zeropool", ratio("grow_ms", "jemalloc", "zeropool"), ">=", 10),
        ],
        base="glibc",
        lines=lines_of("jemalloc", "mimalloc-3", "tcmalloc", "glibc", "glibc-tuned", *OURS),
        memory_gib=7,
        seconds=32,
        rounds=3,
    ),
    Question(
        name="scrub",
        title="What zeroing costs against the fastest ways to write zeros",
        about="free of a buffer that was written to the end, under zeropool: that is its zeroing. "
        "Besides memset, `rep stosb` and streaming stores over memory of the same size in huge "
        "pages that was written to just before, in blocks of turns that have the cache to themselves.",
        command=program("scrub"),
        figures=[
            *[
                Figure(f"{size}_ratio", f"{label}, free / best", scrub_ratio(size))
                for size, label in SCRUB_SIZES.items()
            ],
            *medians("free_us", "free, us", SCRUB_SIZES),
            *[
                figure
                for way, name in WAYS.items()
                for figure in medians(f"{way}_us", f"{name}, us", SCRUB_SIZES, "")
            ],
        ],
        targets=[
            Target(
                f"zeropool, {label}: free / best of the three",
                value(f"{size}_ratio", "zeropool"),
                "<=",
                1.05,
            )
            for size, label in SCRUB_SIZES.items()
        ],
        base="zeropool",
        lines=lines_of("zeropool"),
        charts=[
            Chart(
                [f"{size}_ratio" for size in SCRUB_SIZES],
                list(SCRUB_SIZES.values()),
                "free / best of memset, rep stosb, streaming",
            )
        ],
        memory_gib=2,
        seconds=17,
        rounds=7,
    ),
    Question(
        name="instructions",
        title="Instructions of a pair",
        about="Instructions of one malloc and free, counted by valgrind (callgrind): of 64 bytes "
        "and of an untouched buffer of 1 MiB. Each is the difference of two runs of different "
        "length, by the difference in length.",
        command=[PYTHON, "-B", os.path.join(WORKLOADS, "instructions.py"), *program("count")],
        figures=[
            Figure("small", "64 bytes", median_of("small")),
            Figure("big", "1 MiB", median_of("big")),
        ],
        targets=[
            Target("zeropool-off, 1 MiB", value("big", "zeropool-off"), "<=", 95),
            Target("zeropool / jemalloc, 64 bytes", ratio("small", "zeropool", "jemalloc"), "<=", 1.2),
        ],
        base="jemalloc",
        lines=lines_of("jemalloc", *MAIN, *OURS),
        prepare=need_valgrind,
        seconds=22,
        rounds=1,
    ),
    Question(
        name="counting",
        title="What statistics and profiles cost",
        about="Statistics are always counted. A build that counts everything twice takes as many instructions "
        "and as much time more as counting takes: of a malloc and free of 64 bytes, and of an untouched 1 MiB "
        "without zeroing. Instructions by callgrind; the ratio is of the lower quartiles of the CPU "
        "times of 30 processes of each build that took turns. Of the three counters of 1 MiB the pool needs two itself. Profiles: CPU time of a pair of an untouched 1 MiB, "
        "without and with ZEROPOOL_PROFILE, where each request is recorded (6,000 of them) and where 100,000 come "
        "as fast as they can, so that a part is. The clock that times zeroing, and a memset of 64 KiB in the cache.",
        command=[PYTHON, "-B", os.path.join(WORKLOADS, "counting.py"), "{build}"],
        figures=[
            figure
            for name, label in COUNTED.items()
            for figure in (
                Figure(f"{name}_instructions", f"{label}, instructions", median_of(f"{name}_instructions")),
                Figure(f"{name}_counting", f"{label}, of them counting", median_of(f"{name}_counting")),
                Figure(f"{name}_ratio", f"{label}, counting twice / once", median_of(f"{name}_ratio")),
            )
        ]
        + medians(
            "us",
            "us",
            {
                "plain_some": "6,000 pairs",
                "profile_some": "6,000 pairs, profile",
                "plain_most": "100,000 pairs",
                "profile_most": "100,000 pairs, profile",
                "zeroing": "memset of 64 KiB",
            },
        )
        + [
            Figure("recorded_part", "part recorded of 100,000", median_of("recorded_part")),
            Figure("clock_ns", "a look at the clock, ns", median_of("clock_ns")),
        ],
        targets=[
            Target("64 bytes: counting twice / once", value("small_ratio", "zeropool"), "<=", 1.02),
            Target("1 MiB, no zeroing: the same", value("off_ratio", "zeropool"), "<=", 1.02),
        ],
        base="zeropool",
        lines=lines_of("zeropool"),
        prepare=prepare_counting,
        seconds=8,
        rounds=1,
    ),
]
