"""Machines that are not here: the real core on simulated CPUs with a simulated kernel."""

from suite.question import Figure, Line, Part, Question, Target, median_of

PROGRAM = "{build}/bench/simulation/bench-scale"
BUFFERS = {"1000": "1,000", "10000": "10,000", "100000": "100,000", "1000000": "1,000,000"}
WORKS = {
    "turn": "thread caches",
    "handed": "the same, every second buffer handed on",
    "used": "the same, owners fill the caches",
    "shard": "through shards",
    "pooled": "through shards, so many pooled",
}
FEW, MANY = "4 CPUs", "128 CPUs"


def key(work, buffers, what):
    return f"{work}_{buffers}_{what}"


def figures(what, unit):
    return [
        Figure(
            key(work, buffers, what),
            f"{label}, {count}, {unit}",
            median_of(key(work, buffers, what)),
            "less" if what == "ns" else "",
        )
        for work, label in WORKS.items()
        for buffers, count in BUFFERS.items()
    ]


def least_and_most(results, work, what, lines=(FEW, MANY), buffers=BUFFERS):
    values = [results.median(line, key(work, b, what)) for line in lines for b in buffers]
    return max(values) / min(values)


def accesses(work):
    return Target(
        f"accesses, {WORKS[work]}: most / least of 1,000 to a million buffers, 4 and 128 CPUs",
        lambda results: least_and_most(results, work, "accesses"),
        "<=",
        1.1,
    )


def by_cpus(work):
    return Target(
        f"ns, {WORKS[work]}, a million buffers: 128 CPUs / 4",
        lambda results: results.median(MANY, key(work, "1000000", "ns"))
        / results.median(FEW, key(work, "1000000", "ns")),
        "<=",
        1.1,
    )


def by_buffers(work):
    return Target(
        f"ns, {WORKS[work]}, 128 CPUs: most / least of 1,000 to a million buffers",
        lambda results: least_and_most(results, work, "ns", lines=(MANY,)),
        "<=",
        1.1,
    )


def machine(name, cpus, nodes, *more):
    return Line(name, "glibc", (PROGRAM, "--cpus", cpus, "--nodes", nodes, *more), kind="limit")


QUESTIONS = [
    Question(
        name="scale",
        title="Many CPUs, many buffers: a simulation",
        about="What a get and a put cost on machines that are not here, without the buffers' "
        "contents: loads, stores and atomic operations of core, and simulated nanoseconds, by the "
        "number of buffers. The line `2 CPUs here` is this machine, not simulated. "
        "[scale.md](scale.md) says what is simulated and how.",
        command=["/usr/bin/env"],  # a line names its program
        figures=[
            *figures("accesses", "accesses"),
            *figures("ns", "ns"),
            Figure("turn_1000000_record_bytes", "records, bytes", median_of("turn_1000000_record_bytes")),
            Figure("turn_1000000_mappings", "mappings", median_of("turn_1000000_mappings")),
            Figure("turn_1000000_committed_gib", "buffers, GiB", median_of("turn_1000000_committed_gib"), ""),
        ],
        targets=[
            *[accesses(work) for work in WORKS],
            *[by_cpus(work) for work in WORKS],
            *[by_buffers(work) for work in WORKS],
            Target(
                "mappings of a million buffers",
                lambda results: results.median(MANY, "turn_1000000_mappings"),
                "<=",
                65530,
            ),
        ],
        base=FEW,
        lines=[
            Line("2 CPUs here", "glibc", (f"{PROGRAM}-real", "--cpus", "2"), kind="limit"),
            machine("2 CPUs", "2", "1", "--most", "1000"),
            machine(FEW, "4", "1"),
            machine(MANY, "128", "8"),
        ],
        parts=[
            Part("turn", ("turn",)),
            Part("handed", ("handed",)),
            Part("used", ("turn", "--displaced")),
            Part("shard", ("shard",)),
            Part("pooled", ("pooled",)),
        ],
        seconds=40,
        rounds=1,
    ),
]
