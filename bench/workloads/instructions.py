#!/usr/bin/python3
"""Counts the instructions of a malloc and free with callgrind, and prints them as JSON.

    instructions.py PROGRAM     PROGRAM BYTES PAIRS runs the loop (count.c)

Whatever is preloaded here is preloaded under valgrind as well. Start and end of the process fall
out of the difference of two runs that differ in the number of pairs only.
"""

import json
import re
import subprocess
import sys

WORKS = {"small": 64, "big": 1 << 20}  # bytes
FEW, MANY = 2000, 12000  # pairs; the few are enough to have all paths warm
COLLECTED = re.compile(r"Collected *: *(\d+)")


def count(program, size, pairs):
    """All instructions of one process."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command = [*valgrind, program, str(size), str(pairs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    collected = COLLECTED.search(done.stderr)
    if done.returncode != 0 or not collected:
        sys.exit(f"valgrind: status {done.returncode}: {done.stderr.strip()}")
    return int(collected.group(1))


def main():
    program = sys.argv[1]
    output = {"question": "instructions"}
    for name, size in WORKS.items():
        difference = count(program, size, MANY) - count(program, size, FEW)
        output[name] = [difference / (MANY - FEW)]
    print(json.dumps(output))


if __name__ == "__main__":
    main()
