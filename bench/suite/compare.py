"""Says what got slower or faster between two runs, beyond the spread of both.

OLD and NEW are folders with results (bench/results, build/bench) or two results files. A figure
counts as changed if the processes of one run are all above, or all below, those of the other; how
much is the ratio of the medians. Figures of a single process have no spread and are not compared.
Exits with 1 if something got slower by more than 10 %.
"""

import argparse
import os
import statistics
import sys

from . import results
from .report import aligned, cell

TOLERANCE = 1.10


def read(path):
    """Question to data, of a folder or of one file."""
    if os.path.isdir(path):
        return results.read_folder(path)
    data = results.read(path)
    return {data["question"]: data}


def conditions(data):
    """The machine, the release of each peer, and the version of this library."""
    return {**data["machine"], **data.get("peers", {}), "zeropool": data["version"]}


def machine_differences(old, new):
    """What is different in what the questions that both have ran on."""
    seen = []
    for name in old.keys() & new.keys():
        before, after = conditions(old[name]), conditions(new[name])
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                seen.append(f"different: {key} was {before.get(key)}, is {after.get(key)}")
    return sorted(set(seen))


def figures_of(data):
    """(line, figure) to the values, of what is better for being less or more. The limits are left
    out: they tell of the machine, not of an allocator."""
    for line, of_line in data["lines"].items():
        if of_line["kind"] == "limit":
            continue
        for figure in data["figures"]:
            values = of_line.get("values", {}).get(figure["key"])
            if values and figure["better"]:
                yield (line, figure["key"]), (figure, values)


def changes(old, new):
    """Of each figure that changed: how many times worse it is, and the cells that tell."""
    before, after = dict(figures_of(old)), dict(figures_of(new))
    for place in before.keys() & after.keys():
        figure, was = before[place]
        now = after[place][1]
        if len(was) < 2 or len(now) < 2:
            continue
        if max(was) >= min(now) and max(now) >= min(was):
            continue
        worse = times(statistics.median(was), statistics.median(now))
        if figure["better"] == "more":
            worse = 1 / worse if worse else float("inf")
        yield worse, [new["question"], place[0], figure["label"], cell(was), cell(now)]


def times(old, new):
    return new / old if old else float("inf")


def lost(old, new):
    """The lines that were measured in OLD, of questions that NEW has, and are not in NEW."""
    for name in sorted(old.keys() & new.keys()):
        for line, of_line in old[name]["lines"].items():
            if "values" in of_line and "values" not in new[name]["lines"].get(line, {}):
                problem = new[name]["lines"].get(line, {}).get("problem", "not asked")
                yield f"{name}, {line}: no figures any more: {problem}"


def report(old, new):
    """Prints the comparison. True if nothing got slower by more than is tolerated."""
    both = [name for name in old if name in new]
    print(f"compared: {' '.join(both) or 'nothing'}")
    for name in sorted(old.keys() ^ new.keys()):
        print(f"only in {'OLD' if name in old else 'NEW'}: {name}")
    for text in [*machine_differences(old, new), *lost(old, new)]:
        print(text)
    found = sorted(
        (change for name in both for change in changes(old[name], new[name])),
        key=lambda change: change[0],
        reverse=True,
    )
    rows = [[*cells, f"{worse:.2f}"] for worse, cells in found]
    slower = sum(worse > 1 for worse, _ in found)
    print(f"{slower} slower, {len(found) - slower} faster, beyond the spread of both:")
    if rows:
        print("\n".join(aligned([["question", "line", "figure", "old", "new", "times"], *rows])))
    return all(worse <= TOLERANCE for worse, _ in found)


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/bench compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    options = parser.parse_args()
    try:
        old, new = read(options.old), read(options.new)
    except (OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    return 0 if report(old, new) else 1
