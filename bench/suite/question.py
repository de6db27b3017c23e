"""What a question of the benchmark suite is: a program, its lines, its figures, its targets.

A program prints one JSON object with all its samples. A figure makes one number of it, so each
process gives one; results.py takes the median over processes. A target compares such medians, or
the median of the ratios of processes that ran in the same round.
The questions themselves are in bench/questions/, one file a theme.
"""

import dataclasses
import statistics
import typing

from peers.newest import NEWEST

# The newest release of each, for which Debian's stands in where it could not be built.
MAIN = ("glibc", "jemalloc-5.3.1", "mimalloc-3", "tcmalloc")
ALLOCATORS = (*MAIN, "mimalloc-2.3", "snmalloc", "rpmalloc")
PEERS = (*ALLOCATORS, "glibc-tuned", "jemalloc-tuned")
OURS = ("zeropool", "zeropool-off")


class NotMeasured(Exception):
    """A figure is not there, or a target cannot be judged; the text says why."""


@dataclasses.dataclass
class Figure:
    """One number of one process, from the object that it printed. A KeyError or NotMeasured in
    `of` leaves the figure out: the program has no such thing to tell."""

    key: str
    label: str
    of: typing.Callable[[dict], float]
    better: str = "less"  # or "more"; nothing where neither is better


@dataclasses.dataclass
class Target:
    """What is compared, how it is computed of the results, and what it has to be."""

    text: str
    measure: typing.Callable[[typing.Any], float]
    sign: str  # "<=" or ">="
    limit: float

    @property
    def demand(self):
        return f"{'at most' if self.sign == '<=' else 'at least'} {self.limit:g}"

    def is_met(self, value):
        return value <= self.limit if self.sign == "<=" else value >= self.limit


@dataclasses.dataclass
class Line:
    """One line of a question's table: a peer, and what its program gets besides.

    `kind` is peer, ours, or limit: what is there to compare with and is no allocator. A line with
    `stands_for` is there only where that peer is not."""

    name: str
    peer: str
    arguments: tuple = ()
    kind: str = "peer"
    stands_for: str = ""


@dataclasses.dataclass
class Part:
    """One of several processes that together make a line's output. A name is put before the keys
    of what its process prints: `scan` makes `scan_hit_percent`."""

    name: str = ""
    arguments: tuple = ()
    environment: dict = dataclasses.field(default_factory=dict)

    @property
    def prefix(self):
        return self.name and f"{self.name}_"


@dataclasses.dataclass
class Chart:
    """A picture of a question: its figures `keys`, a bar or a point of every line for each."""

    keys: list
    labels: list  # of the keys, along the axis
    axis: str  # what is drawn upwards
    lines: list = dataclasses.field(default_factory=list)  # all that were measured, if empty
    kind: str = "bars"  # or "curves"
    is_log: bool = False


@dataclasses.dataclass
class Question:
    name: str
    title: str
    about: str  # what is timed, in a sentence
    command: list  # the program and its arguments, {build} standing for the build folder
    figures: list
    base: str  # the line that the ratios of the table are taken against; its figure is figures[0]
    seconds: float  # its share of the time: no round is begun that would end later
    rounds: int  # at most
    targets: list = dataclasses.field(default_factory=list)
    # Those that compare with another build of the library, for --against alone.
    against: list = dataclasses.field(default_factory=list)
    lines: list = dataclasses.field(default_factory=lambda: lines_of(*PEERS, *OURS))
    parts: list = dataclasses.field(default_factory=lambda: [Part()])
    charts: list = dataclasses.field(default_factory=list)
    quick_rounds: int = 1
    memory_gib: float = 1
    # Touched before each process as well: a host that takes free memory back has it again in seconds,
    # and in huge pages first.
    each_gib: float = 0
    # The samples of one process, where the table shall show the processes one by one.
    each: typing.Optional[typing.Callable[[dict], list]] = None
    # Sentences for the page, under the table.
    notes: list = dataclasses.field(default_factory=list)
    # Installs what is measured besides allocators: name to release, or why it is absent.
    packages: typing.Callable[[str], dict] = lambda build: {}
    # Makes what the programs need; a NotMeasured says why it cannot be had.
    prepare: typing.Callable[[str], None] = lambda build: None
    clean: typing.Callable[[str], None] = lambda build: None


def lines_of(*peers):
    """A line for each; and for a newest release the line of Debian's that stands in for it."""
    stand_ins = {release.name: release.stand_in for release in NEWEST if release.stand_in}
    lines = []
    for peer in peers:
        lines.append(Line(peer, peer, kind="ours" if peer.startswith("zeropool") else "peer"))
        other = stand_ins.get(peer)
        if other and other not in peers:
            lines.append(Line(other, other, stands_for=peer))
    return lines


def program(name, *arguments):
    return [f"{{build}}/bench/workloads/bench-{name}", *arguments]


# ---------------------------------------------------------------------- figures


def median_of(key):
    return lambda output: statistics.median(output[key])


def medians(suffix, unit, names, better="less"):
    """A figure for each of `names`, a key to a label: the median of the samples `KEY_SUFFIX`."""
    return [
        Figure(f"{key}_{suffix}", f"{label}, {unit}", median_of(f"{key}_{suffix}"), better)
        for key, label in names.items()
    ]


# ---------------------------------------------------------------------- targets


def ratio(figure, over, under):
    """One line by another, round by round."""
    return lambda results: results.ratio(over, under, figure)


def value(figure, line):
    return lambda results: results.median(line, figure)


def to_best_peer(figure, line):
    """One line by that peer, of those that were measured, which is ahead of the others."""

    def measure(results):
        ratios = []
        for peer in results.question.lines:
            if peer.kind == "peer" and results.outputs[peer.name]:
                ratios.append(results.ratio(line, peer.name, figure))
        if not ratios:
            raise NotMeasured("no peer was measured")
        return max(ratios)

    return measure


def ahead(figure, line, other):
    """By how much the median of one line is above that of another."""
    return lambda results: results.median(line, figure) - results.median(other, figure)
