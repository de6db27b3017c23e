"""Runs the benchmarks: each question's program under each allocator, in turn, again and again.

Started by scripts/bench, which builds the programs first. Every round runs all allocators once
(A B C, A B C, ...), so that a slow minute of the machine falls on all of them. Prints one table
a question. A full run of a question writes bench/results/QUESTION.json, and at the end
docs/benchmarks.md; --quick, --rounds, --peers and --against write to build/bench instead, --results
to a folder of its own, and no documentation.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import re
import subprocess
import sys
import time

from peers import newest
from peers.allocators import all_peers, check_serving, twin_of, versions
from questions import QUESTIONS

from . import docs, machine, report, results
from .places import RESULTS, ROOT
from .progress import Progress
from .question import NotMeasured

TIMEOUT = 600  # seconds for one process
QUICK = 0.2  # of a question's time
HIT_RATE = re.compile(r"^  hit rate +([0-9.]+) %$", re.MULTILINE)  # in zeropool's report


class RunFailed(Exception):
    """A program could not be measured; the text says why."""


class Runner:
    """Runs questions; knows what was asked for on the command line."""

    def __init__(self, options, peers, progress):
        self.options = options
        self.peers = peers
        self.progress = progress
        self.version = results.version()  # before any result is written: they are of the tree
        self.releases = versions(peers.values())
        self.said = set()  # what programs had to say on stderr, each only once

    def measure(self, command, environment, line):
        """What one process of `command` printed; with it the hit rate, if there is a report."""
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RunFailed(str(error)) from error
        said = done.stderr.strip()
        if done.returncode != 0:
            raise RunFailed(f"status {done.returncode}: {said}")
        if "cannot be preloaded" in said:
            raise RunFailed(said)
        if "not available in this version" in said:
            raise NotMeasured(said)
        samples = samples_of(done.stdout)
        hit_rate = HIT_RATE.search(said)
        if hit_rate:
            samples["hit_percent"] = [float(hit_rate.group(1))]
        elif said:
            self.pass_on(line.name, said)
        return samples

    def pass_on(self, line, said):
        anonymous = re.sub(r"\d+", "", said)  # the same words, whatever the process id
        if (line, anonymous) not in self.said:
            self.said.add((line, anonymous))
            self.progress.clear()
            print(f"{line} said: {said}", file=sys.stderr)

    def measure_parts(self, question, line, peer):
        """One process for each part, and what all of them printed."""
        samples = {}
        for part in question.parts:
            command = [*question.command, *line.arguments, *part.arguments]
            command = [word.replace("{build}", self.options.build) for word in command]
            output = self.measure(command, peer.environment(part.environment), line)
            samples.update({f"{part.prefix}{key}": values for key, values in output.items()})
        return samples

    def without_stand_ins(self, lines):
        """The lines but for those that stand for a peer which is there, unless they are asked for."""
        return [
            line
            for line in lines
            if not line.stands_for
            or self.peers[line.stands_for].problem
            or line.name in self.options.peers
        ]

    def lines_to_run(self, question, found):
        """The lines whose allocator is there; of the others the table says why they are not. A
        line that stands for no allocator, such as the loader's limit, is never left out."""
        only = self.options.peers
        for line in question.lines:
            peer = self.peers[line.peer]
            if only and line.name in self.peers and line.name not in only:
                found.fail(line.name, "left out")
            elif peer.problem:
                found.fail(line.name, f"absent ({peer.problem})")
            else:
                yield line, peer

    def run(self, question):
        """All rounds of one question. After the first, no round is begun that would end after the
        question's time is up, by what the rounds took so far."""
        found = results.Results(question)
        lines = list(self.lines_to_run(question, found))
        rounds, seconds = question.rounds, question.seconds
        if self.options.quick:
            rounds, seconds = question.quick_rounds, seconds * QUICK
        rounds = min(rounds, self.options.rounds or rounds)
        for line, peer in lines:
            if peer.rehearses:
                self.rehearse(question, line, peer)
        start = time.monotonic()
        for number in range(rounds):
            used = time.monotonic() - start
            if number > 0 and used + used / number > seconds:
                break
            for line, peer in lines:
                if line.name in found.problems:
                    continue
                self.progress.step(f"round {number + 1} of at most {rounds}, {line.name}")
                machine.touch_memory(question.each_gib)
                try:
                    found.add(line.name, self.measure_parts(question, line, peer))
                except RunFailed as error:
                    found.fail(line.name, self.plain(f"FAILED: {error}"))
                except NotMeasured as reason:
                    found.fail(line.name, self.plain(f"absent ({reason})"))
        return found

    def rehearse(self, question, line, peer):
        """A process that the measured ones learn from; what is wrong with it shows there."""
        self.progress.step(f"a first process of {line.name}")
        with contextlib.suppress(RunFailed, NotMeasured):
            self.measure_parts(question, line, peer)

    def plain(self, why):
        """One line that can be kept: without the folders of this machine."""
        return " ".join(why.replace(self.options.build, "build").replace(ROOT, "").split())[:200]

    def prepared(self, question):
        """Prepare and run. What cannot be had is not measured, and the table says so."""
        available = machine.memory_gib("MemAvailable")
        try:
            if available < question.memory_gib:
                raise NotMeasured(f"{question.memory_gib} GiB of free memory are needed")
            self.progress.step("preparing")
            question.prepare(self.options.build)
            machine.touch_memory(question.memory_gib)
            return self.run(question)
        except NotMeasured as reason:
            return unmeasured(question, self.plain(f"absent ({reason})"))
        except (OSError, subprocess.CalledProcessError) as error:
            return unmeasured(question, self.plain(f"FAILED: {error}"))
        finally:
            if not self.options.keep:
                question.clean(self.options.build)

    def answer(self, question):
        """Everything about one question. False if a program failed."""
        question = dataclasses.replace(question, lines=self.without_stand_ins(question.lines))
        self.progress.begin(question)
        start = time.monotonic()
        self.progress.step("looking for packages")
        packages = question.packages(self.options.build)
        found = self.prepared(question)
        seconds = time.monotonic() - start
        data = results.as_data(found, seconds, self.version, self.releases, packages)
        self.progress.clear()
        lines = [*report.for_terminal(data), *report.against_twins(data, twin_of)]
        print("\n".join(lines) + "\n", flush=True)
        results.write(data, os.path.join(self.options.results, f"{question.name}.json"))
        return not found.has_failed()


def with_twins(question):
    """The question with a line more for each of ours, which runs the other build of the library."""
    twins = [
        dataclasses.replace(line, name=twin_of(line.name), peer=twin_of(line.peer))
        for line in question.lines
        if line.kind == "ours"
    ]
    return dataclasses.replace(
        question,
        lines=[*question.lines, *twins],
        targets=[*question.targets, *question.against],
    )


def unmeasured(question, why):
    found = results.Results(question)
    for line in question.lines:
        found.fail(line.name, why)
    return found


def samples_of(text):
    """The lists of numbers in a program's output; the rest is not for us."""
    try:
        output = json.loads(text)
    except ValueError as error:
        raise RunFailed(f"printed no JSON: {text[:200]}") from error
    return {
        key: samples
        for key, samples in output.items()
        if isinstance(samples, list)
        and samples
        and all(isinstance(s, (int, float)) for s in samples)
    }


# ---------------------------------------------------------------------- command line


def chosen_questions(names, parser):
    known = {question.name: question for question in QUESTIONS}
    for name in names:
        if name not in known:
            parser.error(f"no question named {name}; there are: {' '.join(known)}")
    return [known[name] for name in names] or QUESTIONS


def ready_peers(options, questions, parser, progress):
    """The peers by name: the newest releases that are needed built, and each found to serve malloc
    or left out."""
    known = [peer.name for peer in all_peers(options.build, options.against)]
    for name in options.peers:
        if name not in known:
            parser.error(f"no peer named {name}; there are: {' '.join(known)}")
    needed = options.peers or [line.peer for question in questions for line in question.lines]
    why = newest.build_all(
        options.build, needed, lambda name: progress.step(f"building peers: {name}")
    )
    peers = all_peers(options.build, options.against)
    for peer in peers:
        peer.problem = why.get(peer.name, peer.problem)
    check_serving(peers, options.build)
    return {peer.name: peer for peer in peers}


def print_list(build):
    for question in QUESTIONS:
        print(f"{question.name}: {question.title}. At most {question.seconds:g} s.")
        print(f"  {question.about}")
        for target in question.targets:
            print(f"  target: {target.text}, {target.demand}")
        for target in question.against:
            print(f"  target with --against: {target.text}, {target.demand}")
    print(f"all of them: at most {sum(q.seconds for q in QUESTIONS):g} s, and preparing\n")
    for peer in all_peers(build):
        print(f"  {peer.name:<21}{peer.about}{f' ({peer.problem})' if peer.problem else ''}")


def parse(parser):
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help="only these")
    parser.add_argument("--list", action="store_true", help="print questions, targets and peers")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument("--rounds", type=int, metavar="N", help="at most so many of each question")
    parser.add_argument(
        "--results",
        type=os.path.abspath,
        metavar="FOLDER",
        help="keep the figures there and write no documentation: for a machine of another kind",
    )
    parser.add_argument("--keep", action="store_true", help="leave the files read there")
    parser.add_argument(
        "--peers",
        type=lambda text: text.split(","),
        default=[],
        metavar="A,B",
        help="only these allocators",
    )
    parser.add_argument(
        "--against",
        type=os.path.abspath,
        metavar="LIBRARY",
        help="another build of this library, by its absolute path, compared in the same rounds",
    )
    parser.add_argument(
        "--build", default=os.path.join(ROOT, "build"), help="the build folder (default: build)"
    )
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if options.against and not os.path.isfile(options.against):
        parser.error(f"no file {options.against}")
    is_partial = options.quick or options.rounds or options.peers or options.against
    options.is_full = not (is_partial or options.results)
    if not options.results:
        options.results = RESULTS if options.is_full else os.path.join(options.build, "bench")
    return options


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        epilog="scripts/bench compare --help: comparing two runs",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options = parse(parser)
    if options.list:
        print_list(options.build)
        return 0
    questions = chosen_questions(options.questions, parser)
    if options.against:
        questions = [with_twins(question) for question in questions]
    described = {**machine.describe(), "date": time.strftime("%Y-%m-%d")}
    print(", ".join(f"{key} {value}" for key, value in described.items()) + "\n", flush=True)
    progress = Progress([q.seconds * (QUICK if options.quick else 1) for q in questions])
    peers = ready_peers(options, questions, parser, progress)
    runner = Runner(options, peers, progress)
    answers = [runner.answer(question) for question in questions]
    if options.is_full:
        docs.write()
    return 0 if all(answers) else 1
