#!/usr/bin/python3
"""Runs the benchmarks: each question's program under each allocator, in turn, again and again.

Started by scripts/bench, which builds the programs first. Every round runs all allocators once
(A B C, A B C, ...), so that a slow minute of the machine falls on all of them. Prints one table
a question and writes build/bench/QUESTION.json with every sample.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time

import machine
from peers import all_peers
from questions import QUESTIONS
from results import Results, report, write_json

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT = 600  # seconds for one process
HIT_RATE = re.compile(r"^  hit rate +([0-9.]+) %$", re.MULTILINE)  # in zeropool's report


class RunFailed(Exception):
    """A program could not be measured; the text says why."""


def progress(text):
    """One line on the terminal that the next one overwrites; an empty one clears it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def measure(command, environment):
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
    samples = samples_of(done.stdout)
    hit_rate = HIT_RATE.search(said)
    if hit_rate:
        samples["hit_percent"] = [float(hit_rate.group(1))]
    elif said:
        progress("")
        print(f"{os.path.basename(command[0])} said: {said}", file=sys.stderr)
    return samples


def measure_parts(question, command, peer):
    """One process for each part, and what all of them printed."""
    samples = {}
    for part in question.parts:
        output = measure([*command, *part.arguments], peer.environment(part.environment))
        samples.update({f"{part.prefix}{key}": values for key, values in output.items()})
    return samples


def samples_of(text):
    """The lists of numbers in a program's output; the rest is not for us."""
    try:
        output = json.loads(text)
    except ValueError as error:
        raise RunFailed(f"printed no JSON: {text[:200]}") from error
    return {
        key: samples
        for key, samples in output.items()
        if isinstance(samples, list) and all(isinstance(s, (int, float)) for s in samples)
    }


def lines_to_run(question, peers, results, only):
    """The lines whose allocator is there; of the others the table says why they are not. A line
    that stands for no allocator, such as the loader's limit, is never left out."""
    for line in question.lines:
        peer = peers[line.peer]
        if only and line.name in peers and line.name not in only:
            results.fail(line.name, "left out")
        elif not peer.present:
            results.fail(line.name, f"absent ({peer.library} not found)")
        else:
            yield line, peer


def run(question, peers, options):
    """All rounds of one question."""
    results = Results(question)
    lines = list(lines_to_run(question, peers, results, options.peers))
    repeats = question.quick_repeats if options.quick else question.repeats
    for number in range(repeats):
        for line, peer in lines:
            if line.name in results.problems:
                continue
            progress(f"{question.name}: round {number + 1} of {repeats}, {line.name}")
            command = [*question.command(options.build), *line.arguments]
            try:
                results.add(line.name, measure_parts(question, command, peer))
            except RunFailed as error:
                results.fail(line.name, f"FAILED: {error}")
    progress("")
    return results


def has_failed(results):
    return any(why.startswith("FAILED") for why in results.problems.values())


def answer(question, peers, options):
    """Prepare, run, print, clean up. False if a program failed."""
    if machine.memory_gib("MemAvailable") < question.memory_gib:
        print(f"{question.name}: not run, needs {question.memory_gib} GiB of free memory\n")
        return True
    progress(f"{question.name}: preparing")
    try:
        question.prepare(options.build)
        results = run(question, peers, options)
    except (OSError, subprocess.CalledProcessError) as error:
        progress("")
        print(f"{question.name}: not run: {error}\n")
        return False
    finally:
        if not options.keep:
            question.clean(options.build)
    print("\n".join(report(results)) + "\n", flush=True)
    path = os.path.join(options.build, "bench", question.name)
    write_json(results, f"{path}.json", time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    if question.draw:
        print(question.draw(results, f"{path}.svg") + "\n", flush=True)
    return not has_failed(results)


def chosen_questions(names, parser):
    known = {question.name: question for question in QUESTIONS}
    for name in names:
        if name not in known:
            parser.error(f"no question named {name}; there are: {' '.join(known)}")
    return [known[name] for name in names] or QUESTIONS


def check_peers(names, peers, parser):
    for name in names:
        if name not in peers:
            parser.error(f"no peer named {name}; there are: {' '.join(peers)}")


def print_list(build):
    print("questions:")
    for question in QUESTIONS:
        print(f"  {question.name:<16}{question.title}")
    print("peers:")
    for peer in all_peers(build):
        print(f"  {peer.name:<16}{peer.about}{'' if peer.present else ' (absent)'}")


def parse(parser):
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help="only these")
    parser.add_argument("--list", action="store_true", help="print questions and peers")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument("--keep", action="store_true", help="leave the loader's file there")
    parser.add_argument(
        "--peers",
        type=lambda text: text.split(","),
        default=[],
        metavar="A,B",
        help="only these allocators",
    )
    parser.add_argument(
        "--build", default=os.path.join(ROOT, "build"), help="the build folder (default: build)"
    )
    return parser.parse_args()


def main():
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options = parse(parser)
    if options.list:
        print_list(options.build)
        return 0
    questions = chosen_questions(options.questions, parser)
    peers = {peer.name: peer for peer in all_peers(options.build)}
    check_peers(options.peers, peers, parser)
    described = {**machine.describe(), "date": time.strftime("%Y-%m-%d")}
    print(", ".join(f"{key} {value}" for key, value in described.items()) + "\n")
    progress("touching the machine's memory once")
    machine.touch_host_memory()
    answers = [answer(question, peers, options) for question in questions]
    return 0 if all(answers) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nbench: stopped")
