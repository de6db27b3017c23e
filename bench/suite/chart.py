"""Pictures of a question's results, from its JSON object: bars or curves, as SVG.

A picture carries a digest of what it shows, so that whether it is stale can be told without
drawing it: that needs no matplotlib, and does not depend on its version.
"""

import hashlib
import json
import sys

from .report import median_of

COLOURS = {  # the same allocator looks the same everywhere
    "zeropool": "#1d4e89",
    "zeropool-off": "#6f9ceb",
    "zeropool-background": "#00b2ca",
    "zeropool-prewarm": "#7dcfb6",
    "zeropool-learn": "#3aa676",
    "zeropool-parallel": "#8a63d2",
    "zeropool-lifo": "#c9ada7",
    "glibc": "#f79256",
    "glibc-tuned": "#fbc3a0",
    "jemalloc": "#b5523b",
    "jemalloc-tuned": "#d99a8b",
    "mimalloc": "#8a817c",
    "tcmalloc": "#463f3a",
    "limit": "#bcb8b1",
    "none": "#bcb8b1",
}
OTHER = "#999999"
WIDTH = 0.8  # of the space of a group of bars


def shown_lines(data, drawing):
    names = drawing["lines"] or list(data["lines"])
    return [name for name in names if "values" in data["lines"].get(name, {})]


def can_draw(data, drawing):
    return bool(shown_lines(data, drawing))


def digest(data, drawing):
    """Of everything that the picture shows."""
    lines = shown_lines(data, drawing)
    shown = {line: [median_of(data, line, key) for key in drawing["keys"]] for line in lines}
    return hashlib.sha256(json.dumps([data["title"], drawing, shown]).encode()).hexdigest()[:16]


def is_stale(data, drawing, path):
    try:
        with open(path, encoding="utf-8") as file:
            return digest(data, drawing) not in file.read()
    except OSError:
        return True


def bars(axes, data, drawing):
    lines = shown_lines(data, drawing)
    width = WIDTH / len(lines)
    for number, line in enumerate(lines):
        known = [
            (group + (number - (len(lines) - 1) / 2) * width, median_of(data, line, key))
            for group, key in enumerate(drawing["keys"])
            if median_of(data, line, key) is not None
        ]
        places, heights = zip(*known) if known else ((), ())
        axes.bar(places, heights, width, label=line, color=COLOURS.get(line, OTHER))
    axes.set_xticks(range(len(drawing["keys"])), drawing["labels"])


def curves(axes, data, drawing):
    for line in shown_lines(data, drawing):
        medians = [median_of(data, line, key) for key in drawing["keys"]]
        known = [(place, median) for place, median in enumerate(medians) if median is not None]
        if known:
            axes.plot(*zip(*known), marker="o", label=line, color=COLOURS.get(line, OTHER))
    axes.set_xticks(range(len(drawing["keys"])), drawing["labels"])
    axes.set_xlabel("threads")


def draw(data, drawing, path):
    """Writes the SVG file. Without matplotlib it says so, and the old picture stays stale."""
    try:
        import matplotlib
    except ImportError:
        print(f"no chart {path}: python3-matplotlib is not installed", file=sys.stderr)
        return
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "zeropool"  # the same picture, the same file
    matplotlib.rcParams["svg.fonttype"] = "none"  # text as text
    from matplotlib import pyplot

    picture, axes = pyplot.subplots(figsize=(8, 4))
    {"bars": bars, "curves": curves}[drawing["kind"]](axes, data, drawing)
    if drawing["is_log"]:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_ylabel(drawing["axis"])
    axes.set_title(data["title"], fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    metadata = {"Date": None, "Description": digest(data, drawing)}
    picture.savefig(path, bbox_inches="tight", metadata=metadata)
    pyplot.close(picture)
