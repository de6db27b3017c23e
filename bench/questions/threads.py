"""Many threads: all of them getting and giving back, or one half for the other."""

import os

from suite.question import (
    MAIN,
    OURS,
    Chart,
    Line,
    NotMeasured,
    Part,
    Question,
    Target,
    lines_of,
    medians,
    program,
)

THREADS = (1, 2, 4, 8, 16, 32)
PAIRED = THREADS[1:]


def names(prefix, threads):
    return {f"{prefix}{n}": "1 thread" if n == 1 else f"{n} threads" for n in threads}


def figures(prefix, threads, what):
    return medians("mops", what, names(prefix, threads), "more")


def keys(prefix, threads):
    return [f"{prefix}{n}_mops" for n in threads]


def crowding(prefix, threads):
    """The least throughput of more threads than CPUs, by that of as many threads as CPUs."""

    def measure(results):
        cpus = len(os.sched_getaffinity(0))
        most = [n for n in threads if n <= cpus]
        more = [n for n in threads if n > cpus]
        if not most or not more:
            raise NotMeasured(f"{cpus} CPUs are no number of threads that is crowded here")
        best = results.median("zeropool", f"{prefix}{most[-1]}_mops")
        return min(results.median("zeropool", f"{prefix}{n}_mops") for n in more) / best

    return measure


def two_by_one(results):
    """What a second thread adds, where there is a CPU for it."""
    if len(os.sched_getaffinity(0)) < 2:
        raise NotMeasured("there is one CPU")
    one, two = (results.median("zeropool", f"threads{n}_mops") for n in (1, 2))
    return two / one


QUESTIONS = [
    Question(
        name="threads",
        title="Threads that each get and give back",
        about="Million pairs of malloc and free of 1 MiB a second, of all threads together: "
        "untouched, and with a byte of each page written.",
        command=program("threads"),
        figures=[
            *figures("threads", THREADS, "untouched, Mops"),
            *figures("touched", THREADS, "touched, Mops"),
        ],
        targets=[
            *[
                Target(
                    f"zeropool, {how}: most crowded / as many threads as CPUs",
                    crowding(prefix, THREADS),
                    ">=",
                    0.9,
                )
                for how, prefix in (("untouched", "threads"), ("touched", "touched"))
            ],
            Target("zeropool, untouched: 2 threads / 1", two_by_one, ">=", 1.8),
        ],
        base="glibc",
        lines=lines_of(*MAIN, *OURS),
        parts=[Part("", (how,)) for how in ("untouched", "touched")],
        charts=[
            Chart(
                keys(prefix, THREADS),
                list(map(str, THREADS)),
                f"million pairs a second, {how}",
                kind="curves",
                is_log=True,
            )
            for how, prefix in (("untouched", "threads"), ("touched", "touched"))
        ],
        seconds=50,
        rounds=3,
    ),
    Question(
        name="producer",
        title="Threads that free what others got",
        about="Million buffers of 1 MiB a second that pass through a bounded queue: half of the "
        "threads get them, the other half give them back. The line none passes the same pointers "
        "without any allocator: what the queue itself costs.",
        command=program("producer"),
        figures=figures("producer", PAIRED, "Mops"),
        targets=[
            Target(
                "zeropool: most crowded / as many threads as CPUs",
                crowding("producer", PAIRED),
                ">=",
                0.9,
            )
        ],
        base="glibc",
        lines=[*lines_of(*MAIN, *OURS), Line("none", "glibc", ("--none",), kind="limit")],
        charts=[
            Chart(
                keys("producer", PAIRED),
                list(map(str, PAIRED)),
                "million buffers a second",
                kind="curves",
                is_log=True,
            )
        ],
        seconds=32,
        rounds=3,
    ),
]
