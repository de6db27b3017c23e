"""What is kept, what it costs to keep it, and how it goes back."""

import dataclasses
import statistics

from suite.question import Figure, Part, Question, Target, lines_of, median_of, program, ratio, value

FORK_SIZES = {"64MiB": 64 << 20, "4MiB": 4 << 20, "1MiB": 1 << 20}
FORK_PARTS = [
    *[Part(name, (str(size),)) for name, size in FORK_SIZES.items()],
    Part("trimmed", (str(1 << 20), "--trim")),
]
FORK_ENVIRONMENT = {"ZEROPOOL_MAX_MEMORY": "2G"}


def fork_ratio(part, kind):
    """Fork with buffers kept by fork with nothing kept, of one process."""

    def of(output):
        kept, nothing = output[f"{part}_{kind}_ms"], output[f"{part}_nothing_{kind}_ms"]
        return statistics.median(kept) / statistics.median(nothing)

    return of


FORK_FIGURES = [
    Figure("nothing", "nothing kept, ms", median_of("1MiB_nothing_still_ms"), ""),
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


QUESTIONS = [
    Question(
        name="resident",
        title="The memory that a buffer really takes",
        about="Resident memory of written buffers of 5.12 MB by what was asked for; nothing is "
        "timed.",
        command=program("resident"),
        figures=[
            Figure(
                "share",
                "resident / asked",
                lambda o: o["resident_bytes"][0] / o["asked_bytes"][0],
            ),
            Figure("bytes", "bytes a buffer", median_of("resident_bytes")),
        ],
        targets=[Target("zeropool, resident / asked", value("share", "zeropool"), "<=", 1.01)],
        base="glibc",
        seconds=6,
        rounds=3,
    ),
    Question(
        name="reuse",
        title="Writing again to a buffer that the kernel may take",
        about="malloc of 64 MiB that is pooled and marked free for the kernel, a write to all of "
        "it, free; against a pool that marks nothing.",
        command=program("reuse"),
        figures=[
            Figure("turn_ms", "malloc, write, free, ms", median_of("turn_ms")),
            Figure("write_ms", "write, ms", median_of("write_ms")),
        ],
        targets=[
            Target(
                "zeropool / zeropool-eager",
                ratio("turn_ms", "zeropool", "zeropool-eager"),
                "<=",
                1.05,
            ),
        ],
        base="zeropool-eager",
        lines=lines_of("zeropool", "zeropool-eager"),
        parts=[Part(environment={"ZEROPOOL_TLS_CACHE": "0"})],
        seconds=10,
        rounds=15,
        quick_rounds=3,
    ),
    Question(
        name="fork",
        title="fork with much memory pooled",
        about="fork in a process of 256 MiB when the allocator keeps 1 GiB besides, as buffers of "
        "64, 4 and 1 MiB: CPU time of the parent by that with nothing kept, the buffers left alone "
        "or used again before each fork.",
        command=program("fork"),
        figures=FORK_FIGURES,
        targets=[
            Target(
                f"zeropool, {size}{how}: fork / fork with nothing kept",
                value(f"{size}_{kind}", "zeropool"),
                "<=",
                1.2,
            )
            for kind, how in (("still", ""), ("reused", " used again before each fork"))
            for size in FORK_SIZES
        ],
        base="glibc",
        lines=lines_of("glibc", "tcmalloc", "zeropool"),
        parts=[dataclasses.replace(part, environment=FORK_ENVIRONMENT) for part in FORK_PARTS],
        memory_gib=2,
        seconds=50,
        rounds=3,
    ),
    Question(
        name="idle",
        title="Giving back what lies idle",
        about="GPT-2's 160 tensors (548 MB) are freed and lie idle for twice the decay time; then "
        "the calls until 95 % of them is back with the kernel, and how long these calls take.",
        command=program("idle"),
        figures=[
            Figure("calls", "calls to 95% back", calls_to_give_back),
            Figure("longest_ms", "longest call, ms", lambda o: max(o["call_ms"])),
            Figure("sum_ms", "all calls, ms", lambda o: sum(o["call_ms"])),
            Figure("kept_mib", "kept, MiB", lambda o: above_start(o, o["freed_kib"][0]) / 1024, ""),
            Figure("left_mib", "left, MiB", lambda o: above_start(o, o["rss_kib"][-1]) / 1024),
        ],
        targets=[Target("zeropool, calls until 95 % is back", value("calls", "zeropool"), "<=", 5)],
        base="zeropool-eager",
        lines=lines_of("zeropool", "zeropool-eager"),
        parts=[Part(environment={"ZEROPOOL_DECAY_MS": "200"})],
        seconds=10,
        rounds=5,
    ),
]
