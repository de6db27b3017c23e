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


def base_ratio(data, line):
    key = data["figures"][0]["key"]
    of_line, of_base = median_of(data, line, key), median_of(data, data["base"], key)
    return short(of_line / of_base) if of_line is not None and of_base else "-"


def row(data, line):
    """The cells of one line: its name, its figures, its first figure against the base's."""
    if "problem" in data["lines"][line]:
        return [line, data["lines"][line]["problem"]]
    cells = [cell(values_of(data, line, figure["key"])) for figure in data["figures"]]
    return [line, *cells, base_ratio(data, line)]


def aligned(rows):
    """Columns as wide as their widest cell; a row with a remark in place of figures may exceed."""
    full = [r for r in rows if len(r) == len(rows[0])]
    widths = [max(len(r[column]) for r in full) for column in range(len(rows[0]))]
    widths[0] = max(len(r[0]) for r in rows)
    for cells in rows:
        first, rest = cells[0].ljust(widths[0]), zip(cells[1:], widths[1:])
        if len(cells) < len(rows[0]):
            yield "  ".join([first, *cells[1:]])
        else:
            yield "  ".join([first, *(text.rjust(width) for text, width in rest)])


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
    labels = [figure["label"] for figure in data["figures"]]
    yield f"{data['question']}: {data['title']}"
    yield data["about"]
    yield f"(processes of each: {processes(data)}; median, min..max; {data['seconds']} s)"
    yield from aligned(
        [["", *labels, f"/ {data['base']}"], *(row(data, line) for line in data["lines"])]
    )
    if "processes" in data:
        yield f"each process, {labels[0]}:"
        yield from process_lines(data)
    if data["targets"]:
        yield "targets:"
        yield from (f"  {target_text(target)}" for target in data["targets"])
