#!/usr/bin/python3
"""Whole programs at work, timed by the wall clock.

    works.py make FOLDER    write what they read
    works.py NAME FOLDER    do one of them and print one JSON object

Whoever starts it sets LD_PRELOAD or does not: the programs that it starts inherit it. Only the
client of redis runs without, so that the server alone is compared. A work whose program is not
there prints no time.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time

LINES = 3_000_000  # of the text file, about 40 MB
SHORT = 1_000_000  # bytes of the text file that xz gets
WIDTH, HEIGHT = 1600, 1200  # of the picture
FUNCTIONS = 150  # of the C file
VALUE = 2 << 20  # bytes of a value in redis
REQUESTS = 400  # of each kind
SEED = 124
ZSTD_PROGRAM = "{}/../workloads/bench-zstd"  # not there without libzstd


def text_file(folder):
    """Random numbers, one a line."""
    return os.path.join(folder, "lines.txt")


def short_file(folder):
    """The first of these numbers."""
    return os.path.join(folder, "short.txt")


def picture_file(folder):
    """A photograph's size, with a pattern and some noise."""
    return os.path.join(folder, "picture.ppm")


def source_file(folder):
    """C functions of a few lines each."""
    return os.path.join(folder, "source.c")


def make(folder):
    """What the works read, always the same."""
    os.makedirs(folder, exist_ok=True)
    numbers = random.Random(SEED)
    with open(text_file(folder), "w", encoding="ascii") as file:
        for _ in range(LINES // 1000):
            file.write("".join(f"{numbers.getrandbits(40)}\n" for _ in range(1000)))
    with open(text_file(folder), "rb") as whole, open(short_file(folder), "wb") as file:
        file.write(whole.read(SHORT))
    with open(picture_file(folder), "wb") as file:
        file.write(b"P6 %d %d 255\n" % (WIDTH, HEIGHT))
        for y in range(HEIGHT):
            noise = numbers.randbytes(3 * WIDTH)
            file.write(bytes(((x * y >> 8) + (noise[x] >> 3)) & 255 for x in range(3 * WIDTH)))
    with open(source_file(folder), "w", encoding="ascii") as file:
        file.writelines(FUNCTION.format(number=n, value=n % 13 + 3) for n in range(FUNCTIONS))


FUNCTION = """
int sum_{number}(const int *values, int count)
{{
    int sum = {number};

    for (int i = 0; i < count; i++)
        if (values[i] % {value})
            sum += values[i] * (i ^ {number});
        else
            sum -= values[i] / {value};
    return sum;
}}
"""


# ---------------------------------------------------------------------- the works


def without_preload():
    return {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}


def timed(command, **environment):
    """Seconds of one process that must succeed."""
    start = time.perf_counter()
    subprocess.run(
        command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - start


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
    return timed(command, LC_ALL="C")


def picture(folder):
    """convert of ImageMagick: larger, blurred, turned, in one thread."""
    steps = ["-resize", "130%", "-blur", "0x1", "-rotate", "10"]
    return timed(["convert", picture_file(folder), *steps, "null:"], MAGICK_THREAD_LIMIT="1")


def xz(folder):
    """xz(1) of the first MB of the text file."""
    return timed(["xz", "--stdout", "-4", "--threads=1", short_file(folder)])


def zstd(folder):
    """libzstd with a context a call (zstd.c)."""
    return timed([ZSTD_PROGRAM.format(folder), text_file(folder)])


def gcc(folder):
    """gcc -O2 of the C file."""
    return timed(["gcc", "-O2", "-c", source_file(folder), "-o", os.path.join(folder, "source.o")])


# Each work, and the programs that it needs.
WORKS = {
    redis: ("redis-server", "redis-benchmark"),
    arrays: (),
    fft: (),
    arraysort: (),
    filesort: ("sort",),
    picture: ("convert",),
    xz: ("xz",),
    zstd: (ZSTD_PROGRAM,),
    gcc: ("gcc",),
}
BY_NAME = {work.__name__: work for work in WORKS}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", *BY_NAME):
        sys.exit(__doc__)
    name, folder = sys.argv[1:]
    if name == "make":
        make(folder)
        return
    output = {"question": "programs"}
    needed = [program.format(folder) for program in WORKS[BY_NAME[name]]]
    if all(map(shutil.which, needed)):
        output[f"{name}_s"] = [BY_NAME[name](folder)]
    print(json.dumps(output))


if __name__ == "__main__":
    main()
