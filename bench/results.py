"""What the processes of one question measured, as a table and as JSON."""

import json
import statistics

import machine


class NotMeasured(Exception):
    """A target cannot be judged; the text says why."""


class Results:
    """The figures of every process: of each line of the table, in the order they ran."""

    def __init__(self, question):
        self.question = question
        self.outputs = {line.name: [] for line in question.lines}
        self.problems = {}  # line to why it has no figures

    def add(self, line, output):
        self.outputs[line].append(output)

    def fail(self, line, why):
        self.outputs[line] = []
        self.problems[line] = why

    def is_measured(self, line):
        return bool(self.outputs[line])

    def measured(self, line):
        """The outputs of a line, of which there are some."""
        if not self.outputs[line]:
            raise NotMeasured(f"{line}: {self.problems.get(line, 'left out')}")
        return self.outputs[line]

    def values(self, line, key):
        """One figure of all processes of a line."""
        figure = next(f for f in self.question.figures if f.key == key)
        return [figure.of(output) for output in self.measured(line)]

    def median(self, line, key):
        return statistics.median(self.values(line, key))


# ---------------------------------------------------------------------- text


def short(number):
    """Three or four significant digits, without an exponent; a whole number as it is."""
    digits = next((d for bound, d in ((100, 0), (10, 1), (2, 2)) if abs(number) >= bound), 3)
    if number == int(number):
        digits = 0
    return f"{number:,.{digits}f}"


def cell(values):
    middle, low, high = (short(f(values)) for f in (statistics.median, min, max))
    return middle if low == high else f"{middle} ({low}..{high})"


def row(results, line):
    """The cells of one line: its name, its figures, its first figure against the base's."""
    if not results.is_measured(line):
        return [line, results.problems.get(line, "left out")]
    cells = [cell(results.values(line, figure.key)) for figure in results.question.figures]
    return [line, *cells, base_ratio(results, line)]


def base_ratio(results, line):
    key, base = results.question.figures[0].key, results.question.base
    if not results.is_measured(base) or results.median(base, key) == 0:
        return "-"
    return short(results.median(line, key) / results.median(base, key))


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


def judge(results, target):
    """A target as data: what was measured, and whether that is met, or why it is not known."""
    known = {"target": target.text, "limit": target.limit}
    try:
        measured = target.measure(results)
    except NotMeasured as reason:
        return {**known, "measured": None, "verdict": f"NOT MEASURED ({reason})"}
    verdict = "met" if target.is_met(measured) else "MISSED"
    return {**known, "measured": measured, "verdict": verdict}


def target_lines(results):
    for target in results.question.targets:
        judged = judge(results, target)
        if judged["measured"] is None:
            yield f"  {judged['target']}: {judged['verdict']}"
        else:
            yield f"  {judged['target']}: {short(judged['measured'])}, {judged['verdict']}"


def process_lines(results):
    """Each process's median and spread, sorted: they may be of different kinds."""
    for line in filter(results.is_measured, results.outputs):
        processes = [results.question.each(output) for output in results.measured(line)]
        processes.sort(key=statistics.median)
        yield f"  {line}: {', '.join(map(cell, processes))}"


def report(results):
    """The lines to print for one question."""
    question = results.question
    header = ["", *(figure.label for figure in question.figures), f"/ {question.base}"]
    most = max(map(len, results.outputs.values()))
    yield f"{question.name}: {question.title}"
    yield f"(processes of each: {most}; median, min..max)"
    yield from aligned([header, *(row(results, line) for line in results.outputs)])
    if question.each:
        yield f"each process, {question.figures[0].label}:"
        yield from process_lines(results)
    yield "targets:"
    yield from target_lines(results)


# ---------------------------------------------------------------------- JSON


def summary(values):
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "values": values,
    }


def line_as_data(results, line):
    if not results.is_measured(line):
        return {"problem": results.problems.get(line, "left out")}
    return {
        "figures": {
            figure.key: summary(results.values(line, figure.key))
            for figure in results.question.figures
        },
        "outputs": results.outputs[line],
    }


def write_json(results, path, date):
    data = {
        "question": results.question.name,
        "title": results.question.title,
        "date": date,
        "machine": machine.describe(),
        "lines": {line: line_as_data(results, line) for line in results.outputs},
        "targets": [judge(results, target) for target in results.question.targets],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
        file.write("\n")
