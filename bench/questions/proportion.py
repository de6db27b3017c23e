"""Whether the cost is in proportion to what a program does: sizes that vary, buffers that are used
in part or in step, programs that end at once."""

import os
import statistics

from suite.places import PYTHON, WORKLOADS
from suite.question import (
    ALLOCATORS,
    OURS,
    Chart,
    Figure,
    Part,
    Question,
    Target,
    lines_of,
    median_of,
    program,
    ratio,
    to_best_peer,
    value,
)

EVERYBODY = lines_of(*ALLOCATORS, *OURS)
STATES = ("fresh", "written")


def pages_by_memset(output):
    """1 MiB with a byte a page by overwriting as much, of one process."""
    pages, limit = output["fresh_pages_us"], output["fresh_memset_us"]
    return statistics.median(a / b for a, b in zip(pages, limit))


def added(program_name, unit):
    """By how much a program is above the same one without any library, of one process."""

    def of(output):
        turns = zip(output[f"{program_name}_with_{unit}"], output[f"{program_name}_without_{unit}"])
        return statistics.median(a - b for a, b in turns)

    return of


QUESTIONS = [
    Question(
        name="vary",
        title="Buffers whose sizes never repeat",
        about="20 live buffers of 5 to 25 MiB, written whole: 1,500 times one of them is freed and "
        "another got, which and how big at random.",
        command=program("vary"),
        figures=[
            Figure("ms", "all turns, ms", median_of("ms")),
            Figure("faults", "page faults", median_of("faults")),
            Figure("peak_mib", "peak, MiB", median_of("peak_mib")),
        ],
        targets=[
            Target("zeropool / tcmalloc", ratio("ms", "zeropool", "tcmalloc"), "<=", 1.25),
            Target("zeropool / glibc", ratio("ms", "zeropool", "glibc"), "<=", 1),
            Target("zeropool-off / the best peer", to_best_peer("ms", "zeropool-off"), "<=", 1),
            *[
                Target(f"{ours} / glibc, peak", ratio("peak_mib", ours, "glibc"), "<=", 1.12)
                for ours in OURS
            ],
        ],
        base="glibc",
        lines=EVERYBODY,
        charts=[Chart(["ms"], ["1,500 turns"], "ms")],
        each_gib=6,
        seconds=86,
        rounds=3,
    ),
    Question(
        name="temporaries",
        title="Temporaries of many sizes",
        about="150 times: a buffer of 1 to 64 MiB is got and written, copied to another one of its "
        "size, and both are freed; the sizes are random.",
        command=program("temporaries"),
        figures=[
            Figure("ms", "all turns, ms", median_of("ms")),
            Figure("faults", "page faults", median_of("faults")),
        ],
        targets=[
            Target("zeropool / the best peer", to_best_peer("ms", "zeropool"), "<=", 1.25),
        ],
        base="glibc",
        lines=EVERYBODY,
        charts=[Chart(["ms"], ["150 turns"], "ms")],
        each_gib=6,
        seconds=46,
        rounds=3,
    ),
    Question(
        name="partial",
        title="Buffers of which little is written",
        about="malloc of 8 MiB, a write to its first 64 KiB, free, before and after an earlier "
        "owner has written such a buffer whole; malloc of 1 MiB, a write to one byte of each page, "
        "free, and a memset of 1 MiB in the same process: which lines of a page were written "
        "cannot be known.",
        command=program("partial"),
        figures=[
            Figure("fresh_us", "64 KiB of 8 MiB, us", median_of("fresh_part_us")),
            Figure("written_us", "after a whole write, us", median_of("written_part_us")),
            Figure("pages_us", "1 MiB, a byte a page, us", median_of("fresh_pages_us")),
            Figure("pages_ratio", "the same / memset of 1 MiB", pages_by_memset),
        ],
        targets=[
            Target("zeropool, 64 KiB of 8 MiB, us", value("fresh_us", "zeropool"), "<=", 10),
            Target(
                "zeropool, the same after a whole write, us",
                value("written_us", "zeropool"),
                "<=",
                10,
            ),
            Target(
                "zeropool, 1 MiB, a byte a page / memset of 1 MiB",
                value("pages_ratio", "zeropool"),
                "<=",
                1.1,
            ),
        ],
        base="glibc",
        lines=EVERYBODY,
        parts=[Part(state, (state,)) for state in STATES],
        seconds=32,
        rounds=3,
    ),
    Question(
        name="step",
        title="Arrays that are used in step",
        about="8 and 16 buffers of 4 MiB, read or written side by side, a line of each in turn; and "
        "16 of them a line per page, as the columns of a matrix. Where all begin at the same offset "
        "of a page, they share the sets of the processor's first cache.",
        command=program("step"),
        figures=[
            Figure("read_8_ms", "8 read, ms", median_of("read_8_ms")),
            Figure("read_16_ms", "16 read, ms", median_of("read_16_ms")),
            Figure("write_16_ms", "16 written, ms", median_of("write_16_ms")),
            Figure("columns_16_ms", "columns of 16, ms", median_of("columns_16_ms")),
        ],
        targets=[
            Target("zeropool / glibc, 16 read", ratio("read_16_ms", "zeropool", "glibc"), "<=", 0.8),
        ],
        base="glibc",
        lines=lines_of("glibc", "jemalloc", "mimalloc", "tcmalloc", "zeropool"),
        charts=[
            Chart(
                ["read_16_ms", "write_16_ms", "columns_16_ms"],
                ["16 read", "16 written", "columns of 16"],
                "ms",
            )
        ],
        seconds=7,
        rounds=3,
    ),
    Question(
        name="start",
        title="Programs that end at once",
        about="A C program that asks for nothing and one that makes one large request: what the "
        "library in LD_PRELOAD adds to the time from start to end, to the page faults and to the "
        "files that are opened or asked for.",
        command=[PYTHON, "-B", os.path.join(WORKLOADS, "start.py"), *program("start")],
        figures=[
            Figure("large_us", "one large request, us", added("large", "us")),
            Figure("none_us", "no request, us", added("none", "us")),
            Figure("large_faults", "page faults", added("large", "faults")),
            Figure("files", "files", median_of("files")),
        ],
        targets=[
            Target(
                "zeropool / jemalloc, one large request",
                ratio("large_us", "zeropool", "jemalloc"),
                "<=",
                0.6,
            ),
            Target("zeropool, files", value("files", "zeropool"), "<=", 24),
        ],
        base="jemalloc",
        lines=lines_of("jemalloc", *ALLOCATORS[1:], "zeropool"),
        seconds=30,
        rounds=5,
    ),
]
