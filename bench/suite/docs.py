"""Writes docs/benchmarks.md, its charts and the table of loaders in README.md from bench/results/*.json.

    bench docs             write them
    bench docs --check     change nothing, fail if they are stale

Started by scripts/docs, and by scripts/bench after a full run. Nothing else goes into them: what
is not in the results cannot be said.
"""

import os
import sys

from questions import QUESTIONS

from . import chart, results
from .places import RESULTS, ROOT
from .report import (
    grid,
    median_of,
    packages_line,
    problems,
    process_lines,
    processes,
    short,
    target_text,
)

PAGE = os.path.join(ROOT, "docs", "benchmarks.md")
CHARTS = os.path.join(ROOT, "docs", "charts")
README = os.path.join(ROOT, "README.md")
# The generated part of README.md.
LOADERS = ("<!-- loaders: written by scripts/docs -->", "<!-- end of loaders -->")

# The table that the page begins with: question, figure, what it is, and the line of zeropool's that is shown.
# A column shows the best of the releases of an allocator that were measured.
COLUMNS = {
    "glibc": ("glibc",),
    "jemalloc": ("jemalloc", "jemalloc-5.3.1"),
    "mimalloc": ("mimalloc", "mimalloc-2.3", "mimalloc-3"),
    "tcmalloc": ("tcmalloc",),
    "snmalloc": ("snmalloc",),
    "rpmalloc": ("rpmalloc",),
}
SUMMARY = (
    ("torch", "later_ms", "`torch.load` of GPT-2 and free, later loads, ms", "zeropool"),
    ("torch", "first_ms", "`torch.load` of GPT-2, first load, ms", "zeropool"),
    ("npz", "later_ms", "`numpy.load` of GPT-2 and free, later loads, ms", "zeropool"),
    ("loader", "later_ms", "the same tensors in C, later loads and free, ms", "zeropool"),
    ("single", "later_ms", "one buffer of 500 MB: malloc, read, free, ms", "zeropool"),
    ("vary", "ms", "20 live buffers of 5 to 25 MiB at random: 1,500 turns, ms", "zeropool"),
    ("vary", "ms", "the same, without zeroing", "zeropool-off"),
    ("temporaries", "ms", "temporaries of 1 to 64 MiB: 150 turns, ms", "zeropool"),
    ("partial", "written_us", "64 KiB written of 8 MiB: malloc, write, free, us", "zeropool"),
    ("touch", "16MiB_all_us", "16 MiB: malloc, write, free, us", "zeropool"),
    ("pair", "1MiB_ns", "1 MiB untouched: malloc, free, ns", "zeropool"),
    ("pair", "1MiB_ns", "the same, without zeroing", "zeropool-off"),
    ("realloc", "grow_ms", "realloc from 64 MiB to 4 GiB by doubling, ms", "zeropool"),
    ("threads", "touched8_mops", "8 threads, 1 MiB touched, million pairs a second", "zeropool"),
    ("small", "pair_ns", "64 bytes: malloc, free, ns", "zeropool"),
    ("start", "large_us", "what a program of one large request takes longer, us", "zeropool"),
    ("programs", "redis_s", "redis with values of 2 MiB, s", "zeropool"),
)

# The loaders in README.md, by their names in the question, and the lines that are its columns.
MOST_USED = {
    "torch": "`torch.load`",
    "safetensors": '`safetensors`, `load_file(backend="pread")`',
    "npy": "`numpy.load` of `.npy`",
    "hdf5": "HDF5 with `h5py`",
    "parquet": "Parquet to pandas",
}
LOADER_LINES = {
    "glibc": "glibc",
    "zeropool": "zeropool",
    "zeropool-parallel": "`READ=parallel`",
    "zeropool-learn": "`PREWARM=learn`",
}

NOTHING = "Nothing was measured: `bench/results` is empty. `scripts/bench` fills it."

# ---------------------------------------------------------------------- tables


def markdown(rows):
    yield f"| {' | '.join(rows[0])} |"
    yield "|---" * len(rows[0]) + "|"
    for cells in rows[1:]:
        yield f"| {' | '.join(cells)} |"
    yield ""


def table(data):
    rows, remarks = grid(data), list(problems(data))
    if rows:
        yield from markdown(rows)
    if remarks:
        yield from (f"- {remark}" for remark in remarks)
        yield ""


def best_peer(data, figure):
    """The name and the median of the peer that is ahead of the others, or None."""
    peers = [name for name, line in data["lines"].items() if line["kind"] == "peer"]
    known = [(median_of(data, name, figure["key"]), name) for name in peers]
    known = [(median, name) for median, name in known if median is not None]
    return (max if figure["better"] == "more" else min)(known, default=None)


def standing(data):
    """Who is best at what, and how far zeropool is from that: a sentence."""
    ahead, behind = [], []
    for figure in data["figures"]:
        ours, best = median_of(data, "zeropool", figure["key"]), best_peer(data, figure)
        if not figure["better"] or ours is None or best is None:
            continue
        median, name = best
        if (ours >= median) if figure["better"] == "more" else (ours <= median):
            ahead.append(figure["label"])
        else:
            times = f"{short(ours / median)} times that" if median else f"{short(ours)}, not 0"
            behind.append(f"{figure['label']}: {name} (zeropool: {times})")
    if ahead:
        yield f"Best is zeropool in: {'; '.join(ahead)}."
    if behind:
        yield f"A peer is ahead of zeropool in: {'; '.join(behind)}."
    if ahead or behind:
        yield ""


# ---------------------------------------------------------------------- the page


def charts_of(data):
    """The charts of a question, and the files they are in, named from docs/."""
    for number, drawing in enumerate(data["charts"]):
        suffix = f"-{number + 1}" if number else ""
        yield drawing, os.path.join("charts", f"{data['question']}{suffix}.svg")


def section(data):
    yield f"## {data['title']}"
    yield ""
    yield data["about"]
    yield ""
    yield f"`scripts/bench {data['question']}`; processes of each: {processes(data)}."
    yield ""
    yield from table(data)
    yield from standing(data)
    for line in packages_line(data):
        yield line
        yield ""
    if "notes" in data:
        yield from (f"- {note}" for note in data["notes"])
        yield ""
    if "processes" in data:
        yield f"Each process, {data['figures'][0]['label']}:"
        yield ""
        yield from (f"- {text.strip()}" for text in process_lines(data))
        yield ""
    for target in data["targets"]:
        yield f"- target: {target_text(target)}"
    if data["targets"]:
        yield ""
    for drawing, path in charts_of(data):
        if chart.can_draw(data, drawing):
            yield f"![{drawing['axis']}]({path})"
            yield ""


def runs(every):
    """What was run where and when: a column for each machine, date and version."""
    columns = {}
    for data in every:
        described = {"date": data["date"], "zeropool": data["version"], **data["machine"]}
        described.update(data.get("peers", {}))  # older results are of Debian's, without a release
        columns.setdefault(tuple(described.items()), []).append(data["question"])
    names = list(columns.values())
    header = [", ".join(n) for n in names] if len(names) > 1 else ["this run"]
    keys = dict.fromkeys(key for described in columns for key, _ in described)
    rows = [[key, *(str(dict(d).get(key, "-")) for d in columns)] for key in keys]
    yield from markdown([["", *header], *rows])


def verdicts(every):
    """How many targets are met, and which are not."""
    targets = [(data["question"], target) for data in every for target in data["targets"]]
    met = [pair for pair in targets if pair[1]["verdict"] == "met"]
    yield f"{len(met)} of {len(targets)} targets are met."
    yield ""
    for name, target in targets:
        if target["verdict"] != "met":
            yield f"- {name}: {target_text(target)}"
    if len(met) < len(targets):
        yield ""


def figures_of(data):
    """The figures of a question by their keys; none if it was not measured."""
    return {figure["key"]: figure for figure in data["figures"]} if data else {}


def summary_row(data, key, ours):
    """The median of each column and of ours that was measured."""
    figure = figures_of(data)[key]
    best = max if figure["better"] == "more" else min
    row = {}
    for column, releases in {**COLUMNS, "zeropool": (ours,)}.items():
        known = [median_of(data, name, key) for name in releases]
        known = [median for median in known if median is not None]
        if known:
            row[column] = best(known)
    return row, best(row.values(), default=None)


def summary_cells(row, best, columns):
    """The best in bold, and a dash for what was not measured."""
    for column in columns:
        text = short(row[column]) if column in row else "-"
        yield f"**{text}**" if column in row and row[column] == best else text


def summary(every):
    """The questions that most ask, all allocators side by side."""
    by_name = {data["question"]: data for data in every}
    asked = [row for row in SUMMARY if row[1] in figures_of(by_name.get(row[0]))]
    rows = [(label, *summary_row(by_name[name], key, ours)) for name, key, label, ours in asked]
    columns = [c for c in (*COLUMNS, "zeropool") if any(c in row for _, row, _ in rows)]
    cells = [[label, *summary_cells(row, best, columns)] for label, row, best in rows]
    if not cells:
        return
    yield from markdown([["", *columns], *cells])
    yield "In bold the best, of each allocator the best of its releases that were measured."
    yield ""


def page(every, missing):
    yield "# What was measured"
    yield ""
    yield "Written by `scripts/docs` from `bench/results/*.json`. How it is measured is in"
    yield "[bench/README.md](../bench/README.md). A figure is the median over processes, in"
    yield "brackets the lowest and the highest of them. What was measured on 16 cores and with a GPU is in"
    yield "[scale.md](scale.md#on-16-cores)."
    yield ""
    if not every:
        yield NOTHING
        return
    yield from summary(every)
    yield from runs(every)
    yield f"The questions below took {sum(data['seconds'] for data in every) / 60:.0f} minutes."
    yield ""
    yield from verdicts(every)
    if missing:
        yield f"Not measured: {', '.join(missing)}."
        yield ""
    for data in every:
        yield from section(data)


# ---------------------------------------------------------------------- README.md


def loader_cell(data, line, name):
    """The first load and the later ones of one loader, or a dash."""
    medians = [median_of(data, line, f"{name}_{figure}_ms") for figure in ("first", "later")]
    return "-" if None in medians else " / ".join(map(short, medians))


def loaders(every):
    """The loaders that people use most: a table, and where the others are."""
    data = next((data for data in every if data["question"] == "loaders"), None)
    if not data:
        yield "Not measured: `scripts/bench loaders` does it."
        return
    rows = [["first / later load, ms", *LOADER_LINES.values()]]
    for name, label in MOST_USED.items():
        rows.append([label, *(loader_cell(data, line, name) for line in LOADER_LINES)])
    yield from markdown(rows)
    yield f"Medians of {data['date']}, {data['machine']['cpus']} CPUs; later loads with the free."
    yield "The other loaders, peak memory, and what gains and what does not, are in"
    yield "[docs/benchmarks.md](docs/benchmarks.md)."


def with_part(text, markers, lines):
    """A text in which what is between the markers is made again."""
    before, begin, rest = text.partition(markers[0] + "\n")
    _, end, after = rest.partition(markers[1])
    if not begin or not end:
        sys.exit(f"README.md lacks {' or '.join(markers)}")
    return before + begin + "\n".join(lines) + "\n" + end + after


def readme(every):
    """README.md with its generated part made again."""
    with open(README, encoding="utf-8") as file:
        return with_part(file.read(), LOADERS, loaders(every))


# ---------------------------------------------------------------------- files


def texts():
    """Each generated text file and what belongs into it; and the results they come from."""
    found = results.read_folder(RESULTS)
    names = [question.name for question in QUESTIONS]
    every = [found[name] for name in names if name in found]
    missing = [name for name in names if name not in found]
    text = "\n".join(page(every, missing)).rstrip() + "\n"
    return {PAGE: text, README: readme(every)}, every


def drawings(every):
    """The data, chart and path of every picture there should be."""
    for data in every:
        for drawing, path in charts_of(data):
            if chart.can_draw(data, drawing):
                yield data, drawing, os.path.join(ROOT, "docs", path)


def write():
    wanted, every = texts()
    for path, text in wanted.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    os.makedirs(CHARTS, exist_ok=True)
    paths = []
    for data, drawing, path in drawings(every):
        paths.append(path)
        if chart.is_stale(data, drawing, path):
            chart.draw(data, drawing, path)
    for path in old_charts(paths):
        os.remove(path)


def old_charts(paths):
    names = os.listdir(CHARTS) if os.path.isdir(CHARTS) else []
    every = [os.path.join(CHARTS, name) for name in names if name.endswith(".svg")]
    return [path for path in every if path not in paths]


def stale():
    """The files that are not as they would be written."""
    wanted, every = texts()
    for path, text in wanted.items():
        try:
            with open(path, encoding="utf-8") as file:
                is_same = file.read() == text
        except OSError:
            is_same = False
        if not is_same:
            yield path
    pictures = list(drawings(every))
    yield from (p for data, drawing, p in pictures if chart.is_stale(data, drawing, p))
    yield from old_charts([path for _, _, path in pictures])


def main():
    if sys.argv[1:] == ["--check"]:
        old = [os.path.relpath(path, ROOT) for path in stale()]
        if old:
            sys.exit(f"stale: {' '.join(old)}: run scripts/docs")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        write()
