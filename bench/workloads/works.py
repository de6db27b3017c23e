#!/usr/bin/python3
"""Whole programs at work, timed by the wall clock.

    works.py make FOLDER    write what they read
    works.py NAME FOLDER    do one of them and print one JSON object

Whoever starts it sets LD_PRELOAD or does not: the programs that it starts inherit it. Only the
client of redis runs without, so that the server alone is compared.
"""

import json
import os
import random
import subprocess
import sys
import time

LINES = 3_000_000  # of the text file, about 40 MB
VALUE = 2 << 20  # bytes of a value in redis
REQUESTS = 400  # of each kind
SEED = 124


def text_file(folder):
    return os.path.join(folder, "lines.txt")


def make(folder):
    """Random numbers, one a line, always the same ones."""
    os.makedirs(folder, exist_ok=True)
    numbers = random.Random(SEED)
    with open(text_file(folder), "w", encoding="ascii") as file:
        for _ in range(LINES // 1000):
            file.write("".join(f"{numbers.getrandbits(40)}\n" for _ in range(1000)))


# ---------------------------------------------------------------------- the works


def without_preload():
    return {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}


def wait_for(path, server):
    """Until the server listens at its socket."""
    for _ in range(500):
        if os.path.exists(path):
            return
        if server.poll() is not None:
            break
        time.sleep(0.01)
    sys.exit("redis-server does not start")


def redis(folder):
    """Values of 2 MiB set and got, 16 keys, four clients at a time."""
    socket = os.path.join(folder, "socket")
    settings = ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    client = ["redis-benchmark", "-s", socket, "-t", "set,get", "-d", str(VALUE), "-r", "16"]
    client += ["-n", str(REQUESTS), "-c", "4", "-q"]
    with subprocess.Popen(["redis-server", *settings], stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(socket, server)
            start = time.perf_counter()
            subprocess.run(client, env=without_preload(), check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - start
        finally:
            server.terminate()


def arrays(_folder):
    """Arithmetic over arrays of 8 to 64 MiB, whose every step makes a temporary."""
    import numpy

    start = time.perf_counter()
    for mib in (8, 16, 32, 64):
        a = numpy.ones(mib << 17)
        for _ in range(320 // mib):
            b = (a * 2 + 1) / (a + 3) - a
            a = numpy.abs(b) + (b > 0)
    return time.perf_counter() - start


def fft(_folder):
    """There and back over 16 MiB."""
    import numpy

    a = numpy.random.default_rng(SEED).standard_normal(2 << 20)
    start = time.perf_counter()
    for _ in range(6):
        a = numpy.fft.irfft(numpy.fft.rfft(a))
    return time.perf_counter() - start


def arraysort(_folder):
    """Sorted copies of 8 MiB."""
    import numpy

    a = numpy.random.default_rng(SEED).standard_normal(1 << 20)
    start = time.perf_counter()
    for _ in range(10):
        numpy.sort(a)
        a = a[::-1] + 1
        numpy.argsort(a[: 1 << 18])
    return time.perf_counter() - start


def filesort(folder):
    """sort(1) of the text file, in one buffer."""
    command = ["sort", "--buffer-size=512M", "--parallel=1", "-o", "/dev/null", text_file(folder)]
    start = time.perf_counter()
    subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, check=True)
    return time.perf_counter() - start


WORKS = {work.__name__: work for work in (redis, arrays, fft, arraysort, filesort)}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", *WORKS):
        sys.exit(__doc__)
    name, folder = sys.argv[1:]
    if name == "make":
        make(folder)
    else:
        print(json.dumps({"question": "programs", f"{name}_s": [WORKS[name](folder)]}))


if __name__ == "__main__":
    main()
