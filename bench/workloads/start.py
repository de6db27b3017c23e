#!/usr/bin/python3
"""What a library costs a program that ends at once: its time, its page faults and its files.

    start.py PROGRAM     PROGRAM is bench-start (start.c), which measures the first two

The files are those that a program of one large request opens or asks for, by strace: a key that is
missing where there is no strace. Those of the program itself are counted without the library, and
taken off.
"""

import json
import os
import shutil
import subprocess
import sys

CALLS = "open,openat,openat2,access,faccessat,faccessat2,stat,newfstatat,statx,readlink,readlinkat"


def files(program, preload):
    """How many calls of one process name a file, with `preload` in its LD_PRELOAD."""
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    strace = ["strace", "-f", "-qq", "-e", f"trace={CALLS}", "-e", "signal=none"]
    if preload:
        strace += ["-E", f"LD_PRELOAD={preload}"]
    done = subprocess.run(
        [*strace, program, "large"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"strace: status {done.returncode}: {done.stderr.strip()}")
    # newfstatat with an empty name is fstat: the file is open already.
    return sum(1 for line in done.stderr.splitlines() if '"' in line and '""' not in line)


def main():
    program = sys.argv[1]
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program}: status {done.returncode}: {done.stderr.strip()}")
    output = json.loads(done.stdout)
    if shutil.which("strace"):
        preload = os.environ.get("LD_PRELOAD", "")
        output["files"] = [files(program, preload) - files(program, "")]
    print(json.dumps(output))


if __name__ == "__main__":
    main()
