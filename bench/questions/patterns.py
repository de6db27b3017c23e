"""Programs that ask for buffers in some order: the cost of a pair, and who stays in the pool."""

import statistics

from suite.question import (
    Chart,
    Figure,
    Part,
    Question,
    Target,
    ahead,
    lines_of,
    median_of,
    medians,
    program,
    value,
)

PATTERNS = {
    "thousand": "1 MiB",
    "pingpong": "ping-pong",
    "hotcold": "hot and cold",
    "multisize": "five sizes",
    "burst": "burst of 64",
}

PRESSED = {"ZEROPOOL_MAX_MEMORY": "512M"}  # half of what `pressure` holds

TRACES = {
    "scan": "loop over all",
    "zipf": "Zipf",
    "hotcold": "hot and cold",
    "stream": "hot and stream",
    "phase": "phases",
}

# Blocks of less than 1 MiB; untouched, so not scrubbed; half of the ten blocks of 160 MiB.
EVICTION_ENVIRONMENT = {
    "ZEROPOOL_MIN_SIZE": "64K",
    "ZEROPOOL_ZERO": "off",
    "ZEROPOOL_TLS_CACHE": "0",
    "ZEROPOOL_MAX_MEMORY": "800M",
    "ZEROPOOL_STATS": "exit",
}

KEPT = (100, 4000)


def mean_hit_rate(output):
    return statistics.mean(output[f"{trace}_hit_percent"][0] for trace in TRACES)


def turnover_environment(kept):
    return {
        "ZEROPOOL_ZERO": "off",
        "ZEROPOOL_TLS_CACHE": "0",
        "ZEROPOOL_MAX_MEMORY": f"{kept}M",
    }


def turnover_growth(output):
    most, fewest = (output[f"kept{n}_pair_ns"] for n in (KEPT[-1], KEPT[0]))
    return statistics.median(most) / statistics.median(fewest)


HIT_RATES = medians("hit_percent", "%", TRACES, "more")

QUESTIONS = [
    Question(
        name="patterns",
        title="Getting and giving back in patterns",
        about="Nanoseconds for one malloc and free of an untouched buffer: 1 MiB; 1 MiB and 2 "
        "MiB in turn; 1 MiB, but 64 MiB every tenth time; 1, 2, 4, 8 and 16 MiB in turn; 64 "
        "of 1 MiB held at once; and 256 of 4 MiB held at once, where zeropool may keep 512 MiB.",
        command=program("patterns"),
        figures=medians("ns", "ns", {**PATTERNS, "pressure": "pressure"}),
        base="glibc",
        parts=[
            Part("", tuple(PATTERNS)),
            Part("", ("pressure",), PRESSED),
        ],
        seconds=30,
        rounds=5,
    ),
    Question(
        name="eviction",
        title="Which buffers stay when not all can",
        about="Hit rates of CLOCK-Pro and LIFO when the pool may keep half of what is used in "
        "turns, over five traces; nothing is timed.",
        command=program("eviction"),
        figures=[Figure("mean", "mean, %", mean_hit_rate, "more"), *HIT_RATES],
        targets=[
            Target(
                f"{TRACES[trace]}: points ahead of LIFO",
                ahead(f"{trace}_hit_percent", "zeropool", "zeropool-lifo"),
                ">=",
                least,
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
        lines=lines_of("zeropool", "zeropool-lifo"),
        parts=[Part(trace, (trace,), EVICTION_ENVIRONMENT) for trace in TRACES],
        charts=[Chart([f.key for f in HIT_RATES], list(TRACES.values()), "hit rate, %")],
        seconds=8,
        rounds=1,
    ),
    Question(
        name="turnover",
        title="Buffers under constant eviction",
        about="malloc and free of 1 MiB where half of the buffers are freed and allocated again, with "
        "100 or 4000 kept.",
        command=program("turnover"),
        figures=[
            *[Figure(f"kept{n}", f"{n} kept, ns", median_of(f"kept{n}_pair_ns")) for n in KEPT],
            Figure("growth", "most / fewest", turnover_growth, ""),
        ],
        targets=[
            Target(
                f"zeropool, {KEPT[-1]} kept / {KEPT[0]}", value("growth", "zeropool"), "<=", 1.15
            ),
        ],
        base="zeropool-lifo",
        lines=lines_of("zeropool", "zeropool-lifo"),
        parts=[Part(f"kept{n}", (str(n),), turnover_environment(n)) for n in KEPT],
        seconds=10,
        rounds=5,
    ),
]
