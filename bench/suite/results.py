"""What the processes of one question measured, and the JSON object that is kept of it.

The object says everything that tables, charts and comparisons need, without the question's code:

    question, title, about, date, seconds, version, machine
    peers      {name: release, or why it is absent}
    base       the line that ratios are taken against
    figures    [{key, label, better}]       better: less, more, or nothing
    lines      {name: {kind, values: {key: [one number a process]}} or {kind, problem}}
    targets    [{text, demand, measured, verdict}]
    charts     [{keys, labels, axis, lines, kind, is_log}]
    notes      [sentence]                   where there are some
    packages   {name: release, or why it is absent}, of what else is measured, where there is some
    processes  {name: [[low, median, high] of one process]}, where a question asks for it
"""

import dataclasses
import json
import os
import statistics
import subprocess
import time

from . import machine
from .places import ROOT
from .question import NotMeasured


class Results:
    """The outputs of every process: of each line of the table, in the order they ran."""

    def __init__(self, question):
        self.question = question
        self.outputs = {line.name: [] for line in question.lines}
        self.problems = {}  # line to why it has no figures

    def add(self, line, output):
        self.outputs[line].append(output)

    def fail(self, line, why):
        self.outputs[line] = []
        self.problems[line] = why

    def has_failed(self):
        return any(why.startswith("FAILED") for why in self.problems.values())

    def measured(self, line):
        """The outputs of a line, of which there are some."""
        if not self.outputs[line]:
            raise NotMeasured(f"{line}: {self.problems.get(line, 'left out')}")
        return self.outputs[line]

    def values(self, line, key):
        """One figure of all processes of a line."""
        figure = next(f for f in self.question.figures if f.key == key)
        try:
            return [figure.of(output) for output in self.measured(line)]
        except KeyError as missing:
            raise NotMeasured(f"{line}: no {missing}") from missing

    def median(self, line, key):
        return statistics.median(self.values(line, key))

    def ratio(self, over, under, key):
        """The median over the rounds of one line by another in the same round: a slow minute of
        the machine falls on both."""
        rounds = zip(self.values(over, key), self.values(under, key))
        return statistics.median(a / b for a, b in rounds)


def rounded(value):
    """Five digits: more than any clock here is good for, and a file that can be kept."""
    return float(f"{value:.5g}")


def line_as_data(results, line):
    if not results.outputs[line.name]:
        return {"kind": line.kind, "problem": results.problems.get(line.name, "left out")}
    values = {}
    for figure in results.question.figures:
        try:
            values[figure.key] = list(map(rounded, results.values(line.name, figure.key)))
        except NotMeasured:
            pass  # the table shows a dash
    return {"kind": line.kind, "values": values}


def judge(results, target):
    """A target as data: what was measured, and whether that is met, or why it is not known."""
    known = {"text": target.text, "demand": target.demand}
    try:
        measured = target.measure(results)
    except NotMeasured as reason:
        return {**known, "measured": None, "verdict": f"NOT MEASURED ({reason})"}
    verdict = "met" if target.is_met(measured) else "MISSED"
    return {**known, "measured": rounded(measured), "verdict": verdict}


def spreads(results):
    """Each process's lowest, median and highest sample, sorted: they may be of different kinds."""
    each = results.question.each
    for line, outputs in results.outputs.items():
        of_line = sorted(map(each, outputs), key=statistics.median)
        yield line, [
            [rounded(f(samples)) for f in (min, statistics.median, max)] for samples in of_line
        ]


def version():
    """The commit that was measured, with a plus if the files have been changed since."""
    command = ["git", "-C", ROOT, "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def as_data(results, seconds, measured_version, releases, packages=None):
    question = results.question
    data = {
        "question": question.name,
        "title": question.title,
        "about": question.about,
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(seconds),
        "version": measured_version,
        "machine": machine.describe(),
        "peers": releases,
        "base": question.base,
        "figures": [{"key": f.key, "label": f.label, "better": f.better} for f in question.figures],
        "lines": {line.name: line_as_data(results, line) for line in question.lines},
        "targets": [judge(results, target) for target in question.targets],
        "charts": [dataclasses.asdict(chart) for chart in question.charts],
    }
    if question.notes:
        data["notes"] = question.notes
    if packages:
        data["packages"] = packages
    if question.each:
        data["processes"] = dict(spreads(results))
    return data


# ---------------------------------------------------------------------- files


def write(data, path):
    """Appears whole or not at all; a list of numbers takes one line."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        file.write(pretty(data) + "\n")
    os.replace(f"{path}.tmp", path)


def pretty(data, indent=""):
    """JSON in which what holds no further object or list stands on one line."""
    inner = data.values() if isinstance(data, dict) else data
    if not isinstance(data, (dict, list)) or not any(isinstance(i, (dict, list)) for i in inner):
        return json.dumps(data)
    deeper = f"{indent} "
    if isinstance(data, dict):
        items = [f"{json.dumps(key)}: {pretty(value, deeper)}" for key, value in data.items()]
        opening, closing = "{}"
    else:
        items = [pretty(value, deeper) for value in data]
        opening, closing = "[]"
    separator = f",\n{deeper}"
    return f"{opening}\n{deeper}{separator.join(items)}\n{indent}{closing}"


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_folder(folder):
    """Question to data, of every results file of a folder."""
    if not os.path.isdir(folder):
        return {}
    names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    every = [read(os.path.join(folder, name)) for name in names]
    return {data["question"]: data for data in every}
