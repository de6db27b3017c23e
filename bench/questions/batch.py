"""Several buffers by one call of zeropool.h, which no other allocator has."""

import statistics

from suite.question import Figure, Line, Question, Target, median_of, value

PROGRAM = "{build}/bench/workloads/bench-batch"


def in_a_batch(what):
    """The median of 64 in a batch by that of 64 single ones, of one process."""
    return lambda output: median_of(f"{what}_batch_ns")(output) / median_of(f"{what}_ns")(output)


def most_of_99(output):
    return statistics.quantiles(output["try_ns"], n=100)[-1]


def half(line, when):
    return Target(f"64 gets in a batch / singly, {when}", value("get_ratio", line), "<=", 0.5)


def line(name, zero, *arguments):
    return Line(name, "glibc", (f"ZEROPOOL_ZERO={zero}", PROGRAM, *arguments), kind="limit")


QUESTIONS = [
    Question(
        name="batch",
        title="Sixty-four buffers by one call",
        about="Nanoseconds for 64 buffers of 1 MiB by one call of zeropool.h and by 64 calls, all "
        "through a shard (`ZEROPOOL_TLS_CACHE=0`): untouched, or all written to before they are "
        "put. By the time that they are written the pool's code has left the processor's cache: the "
        "first of the single gets shows what that takes (decision 56). The last line is "
        "`zeropool_try_get` beside seven threads that get and put.",
        command=["/usr/bin/env", "ZEROPOOL_TLS_CACHE=0"],  # a line names its program
        figures=[
            Figure("get", "64 gets, ns", median_of("get_ns")),
            Figure("first", "the first of them, ns", median_of("first_ns")),
            Figure("get_batch", "in a batch, ns", median_of("get_batch_ns")),
            Figure("get_ratio", "batch / singly", in_a_batch("get")),
            Figure("put", "64 puts, ns", median_of("put_ns")),
            Figure("put_batch", "puts in a batch, ns", median_of("put_batch_ns")),
            Figure("put_ratio", "puts, batch / singly", in_a_batch("put")),
            Figure("try", "try_get, ns", median_of("try_ns")),
            Figure("try_99", "99 of 100 within, ns", most_of_99),
        ],
        targets=[
            half("ZERO=off", "ZERO=off"),
            half("untouched", "untouched"),
            half("written", "written before and made zero"),
        ],
        base="ZERO=off",
        lines=[
            line("ZERO=off", "off", "untouched"),
            line("ZERO=off, written", "off", "written"),
            line("untouched", "free", "untouched"),
            line("written", "free", "written"),
            line("beside 7 threads", "free", "tries", "7"),
        ],
        seconds=5,
        rounds=3,
    ),
]
