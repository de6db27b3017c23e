"""The text of one question's results: numbers, cells, and the table for the terminal.

Works on the JSON object of results.py alone.
"""

import statistics


def short(number):
    """Three or four significant digits, without an exponent; a whole number as it is."""
    digits = next((d for bound, d in ((100, 0), (10, 1), (2, 2)) if abs(number) >= bound), 3)
    if number == int(number):
        digits = 0
    return f"{number:,.{digits}f}"


def cell(values):
    """The median, and the lowest and the highest where they differ; a dash for nothing."""
    if not values:
        return "-"
    middle, low, high = (short(f(values)) for f in (statistics.median, min, max))
    return middle if low == high else f"{middle} ({low}..{high})"


def values_of(data, line, key):
    """One figure of all processes of a line; empty if it was not measured."""
    return data["lines"].get(line, {}).get("values", {}).get(key, [])


def median_of(data, line, key):
    """The median over the processes, or None."""
    values = values_of(data, line, key)
    return statistics.median(values) if values else None


def processes(data):
    """How many processes each line had at most."""
    counts = [len(v) for line in data["lines"].values() for v in line.get("values", {}).values()]
    return max(counts, default=0)


def line_ratio(data, over, under, key):
    """One line by another, round by round."""
    rounds = zip(values_of(data, over, key), values_of(data, under, key))
    ratios = [value / base for value, base in rounds if base]
    return short(statistics.median(ratios)) if ratios else "-"


def base_ratio(data, line):
    return line_ratio(data, line, data["base"], data["figures"][0]["key"])


def grid(data):
    """The table: a row a line, or a column a line where there are more figures than lines. Lines
    without figures are not in it."""
    lines = [name for name, line in data["lines"].items() if "values" in line]
    figures = data["figures"]
    header = ["", *(figure["label"] for figure in figures), f"/ {data['base']}"]
    rows = [
        [line, *(cell(values_of(data, line, f["key"])) for f in figures), base_ratio(data, line)]
        for line in lines
    ]
    if not rows:
        return []
    if len(figures) > len(lines):
        return list(map(list, zip(*[cells[:-1] for cells in [header, *rows]])))
    return [header, *rows]


def problems(data):
    """The lines without figures, and why they have none."""
    names = {}
    for name, line in data["lines"].items():
        if "problem" in line:
            names.setdefault(line["problem"], []).append(name)
    for problem, lines in names.items():
        yield f"{', '.join(lines)}: {problem}"


def packages_line(data):
    """What else was measured, in which release, or why it is absent; nothing if there is none."""
    packages = data.get("packages", {})
    if packages:
        yield f"With {', '.join(f'{name} {release}' for name, release in packages.items())}."


def aligned(rows):
    """Columns as wide as their widest cell, the first one to the left."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for first, *rest in rows:
        cells = [text.rjust(width) for text, width in zip(rest, widths[1:])]
        yield "  ".join([first.ljust(widths[0]), *cells])


def target_text(target):
    if target["measured"] is None:
        return f"{target['text']}, {target['demand']}: {target['verdict']}"
    return f"{target['text']}, {target['demand']}: {short(target['measured'])}, {target['verdict']}"


def process_lines(data):
    for line, of_line in data.get("processes", {}).items():
        cells = [f"{short(middle)} ({short(low)}..{short(high)})" for low, middle, high in of_line]
        if cells:
            yield f"  {line}: {', '.join(cells)}"


def for_terminal(data):
    """The lines to print for one question."""
    yield f"{data['question']}: {data['title']}"
    yield data["about"]
    yield f"(processes of each: {processes(data)}; median, min..max; {data['seconds']} s)"
    yield from aligned(grid(data))
    yield from problems(data)
    yield from packages_line(data)
    if "processes" in data:
        yield f"each process, {data['figures'][0]['label']}:"
        yield from process_lines(data)
    if data["targets"]:
        yield "targets:"
        yield from (f"  {target_text(target)}" for target in data["targets"])


def against_twins(data, twin_of):
    """Each line by its twin of the other build, figure by figure; nothing where there is none."""
    for line in data["lines"]:
        twin = twin_of(line)
        both = [data["lines"].get(name, {}) for name in (line, twin)]
        if twin == line or not all("values" in of_line for of_line in both):
            continue
        yield f"{line} / {twin}, round by round:"
        rows = [[f"  {f['label']}", line_ratio(data, line, twin, f["key"])] for f in data["figures"]]
        yield from aligned(rows)
