#!/usr/bin/python3
"""What statistics and profiles cost, as JSON.

    counting.py --build BUILD       makes what is measured besides
    counting.py BUILD

Statistics are always counted, so there is nothing to switch off. A build of the same sources counts
everything twice: what is longer in it is what counting costs. Processes of the two
take turns; the ratio is that of the lower quartiles of their CPU times, as other work only adds.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile

from instructions import FEW, MANY, count

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARY = "preload/libzeropool_preload.so"
TURNS = 30
PROFILES = 3
OFF = {"ZEROPOOL_ZERO": "off"}
PAIRS = {  # name: bytes, pairs in a process, options
    "small": (64, 3_000_000, {}),
    "off": (1 << 20, 3_000_000, OFF),
}


def twice(build):
    return os.path.join(build, "bench", "counted-twice")


def build_twice(build):
    """The library that counts twice, with the options of the build that is measured."""
    folder = twice(build)
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        options = ["--buildtype=release", "-Dtests=false", "-Dbenchmarks=false", "-Dc_args=-DZP_COUNT_TWICE"]
        subprocess.run(["meson", "setup", folder, ROOT, *options], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", folder, LIBRARY], check=True, capture_output=True)


def preload(library, options):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZEROPOOL_")}
    return {**kept, "LD_PRELOAD": library, **options}


def cpu_time(program, size, pairs, environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, str(size), str(pairs)], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def instructions(program, size, environment):
    os.environ.update(environment)
    many, few = (count(program, size, pairs) for pairs in (MANY, FEW))
    for name in [name for name in os.environ if name.startswith("ZEROPOOL_")]:
        del os.environ[name]
    return (many - few) / (MANY - FEW)


def measure_counting(program, once, double, output):
    for name, (size, pairs, options) in PAIRS.items():
        base, more = (preload(library, options) for library in (once, double))
        output[f"{name}_instructions"] = [instructions(program, size, base)]
        output[f"{name}_counting"] = [instructions(program, size, more) - output[f"{name}_instructions"][0]]
        times = {base["LD_PRELOAD"]: [], more["LD_PRELOAD"]: []}
        for turn in range(TURNS):
            order = (base, more) if turn % 2 == 0 else (more, base)
            for each in order:
                times[each["LD_PRELOAD"]].append(cpu_time(program, size, pairs, each))
        quartiles = [sorted(times[each["LD_PRELOAD"]])[TURNS // 4] for each in (more, base)]
        output[f"{name}_ratio"] = [quartiles[0] / quartiles[1]]


def measure_profile(program, library, output):
    """A pair of an untouched 1 MiB: few enough that each is recorded, and as many as there can be."""
    size, some, most = 1 << 20, 6000, 100_000
    with tempfile.TemporaryDirectory() as folder:
        profile = {"ZEROPOOL_PROFILE": os.path.join(folder, "profile")}
        for name, options in (("plain", {}), ("profile", profile)):
            environment = preload(library, options)
            each, all_of_them = [], []
            for _ in range(PROFILES):
                nothing = cpu_time(program, size, 1, environment)
                each.append((cpu_time(program, size, some, environment) - nothing) / some * 1e6)
                all_of_them.append((cpu_time(program, size, most, environment) - nothing) / most * 1e6)
            output[f"{name}_some_us"] = each
            output[f"{name}_most_us"] = all_of_them
        with open(profile["ZEROPOOL_PROFILE"], encoding="utf-8") as file:
            numbers = dict(re.findall(r"^(requests|sampled) (\d+)$", file.read(), re.M))
    output["recorded_part"] = [int(numbers["sampled"]) / int(numbers["requests"])]


def measure_clock(program, output):
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    output.update({name: value for name, value in json.loads(done.stdout).items() if name != "question"})


def main():
    build = os.path.abspath(sys.argv[-1])
    if sys.argv[1] == "--build":
        build_twice(build)
        return
    workloads = os.path.join(build, "bench", "workloads", "bench-")
    output = {"question": "counting"}
    os.environ.pop("LD_PRELOAD", None)
    once, double = os.path.join(build, LIBRARY), os.path.join(twice(build), LIBRARY)
    measure_counting(workloads + "count", once, double, output)
    measure_profile(workloads + "count", once, output)
    measure_clock(workloads + "clock", output)
    print(json.dumps(output))


if __name__ == "__main__":
    main()
