#!/usr/bin/python3
"""Loading a checkpoint again and again: what one process measures, and the table of many.

    loads.py measure FILE [--loads N] [--no-digests]
                                        load FILE N times in this process, print one JSON object
    loads.py table FOLDER               compare FOLDER/KIND.ALLOCATOR.N.json, print the table
    loads.py touch BYTES                write to so much fresh memory, of each page size, and end

`measure` knows nothing of allocators: whoever starts it sets LD_PRELOAD or does not. `table`
takes such outputs for glibc, zeropool, and parallel: zeropool with parallel reads. N counts the
processes of one kind from 0; process 0 is a warm-up: its times are left out, its tensors are
compared like all others.
"""

import argparse
import collections
import contextlib
import datetime
import gc
import hashlib
import json
import mmap
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

OURS = ("zeropool", "parallel")
ALLOCATORS = ("glibc", *OURS)
KINDS = {"pt": "torch.load", "npz": "numpy.load"}


# ---------------------------------------------------------------------- measure


def loader_of(path):
    """The function that gives path's tensors as a dict, and imports what it needs already now."""
    if path.endswith(".npz"):
        import numpy

        def load():
            with numpy.load(path) as archive:
                return {name: archive[name] for name in archive.files}
    else:
        import torch

        def load():
            return torch.load(path)

    return load


def digest_of(tensor):
    array = tensor if hasattr(tensor, "__array_interface__") else tensor.numpy()
    return hashlib.blake2b(array.data, digest_size=16).hexdigest()


def digests_of(tensors):
    return {name: digest_of(tensor) for name, tensor in tensors.items()}


def read_through(path):
    """Bring path into the page cache. A small buffer: nothing here may reach the pool."""
    chunk = bytearray(256 * 1024)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(chunk):
            pass


def touch(size):
    """Write to this many bytes in small pages and as many in huge ones: the kernel keeps what it
    frees of each apart for a while, and allocators differ in which they use."""
    kept = []
    for huge in (False, True):
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if huge:
            with contextlib.suppress(OSError):  # a kernel without huge pages
                memory.madvise(mmap.MADV_HUGEPAGE)
        for offset in range(0, size, mmap.PAGESIZE):
            memory[offset] = 1
        kept.append(memory)


def back_by_host(size):
    """A virtual machine may hand its free memory back to the host within seconds, and taking it
    again costs ten times a page fault: the first load would measure the host. So another
    process, without a preload, uses so much memory and frees it just before."""
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    command = [sys.executable, "-I", __file__, "touch", str(size)]
    subprocess.run(command, env=environment, check=True)


def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def measure_loads(load, files, loads, digest=None, touched=0):
    """Load and free this many times. Digests, of the first and the last load, are taken between the
    two timed parts; nothing of one load lives on into the next. So much memory is touched before
    the first load that is timed."""
    if touched:
        back_by_host(touched)
    for path in files:
        read_through(path)  # last: what has not been read for a second may take twice as long
    gc.collect()
    gc.freeze()  # so that the timed collection looks at the load's own objects only
    result = {"load_ms": [], "free_ms": [], "faults": [], "digests": []}
    for number in range(loads):
        faults = page_faults()
        start = time.perf_counter()
        loaded = load()
        end = time.perf_counter()
        faults = page_faults() - faults
        if digest and number in (0, loads - 1):
            result["digests"].append(digest(loaded))
        digested = time.perf_counter()
        del loaded
        gc.collect()
        freed = time.perf_counter()
        result["load_ms"].append(1e3 * (end - start))
        result["free_ms"].append(1e3 * (freed - digested))
        result["faults"].append(faults)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return result


def measure(path, loads, digesting):
    """What a process that loads `path` prints."""
    size = os.path.getsize(path)
    digest = digests_of if digesting else None
    result = measure_loads(loader_of(path), [path], loads, digest, size * 3 // 2)
    result["file_mb"] = size / 1e6
    # A library that cannot be preloaded is only a warning to the dynamic linker.
    result["has_zeropool"] = "libzeropool" in pathlib.Path("/proc/self/maps").read_text()
    return result


# ---------------------------------------------------------------------- read and compare


def read_runs(folder):
    """(kind, allocator) to the outputs of its processes, in the order they ran."""
    runs = collections.defaultdict(list)
    for path in folder.glob("*.json"):
        kind, allocator, number = path.stem.split(".")
        runs[kind, allocator].append((int(number), json.loads(path.read_text())))
    for key, numbered in runs.items():
        runs[key] = [run for _, run in sorted(numbered, key=lambda pair: pair[0])]
    return runs


def check_preload(runs):
    """The library must have been in every process of ours, and in no other."""
    for (kind, allocator), group in runs.items():
        for run in group:
            if run["has_zeropool"] != (allocator in OURS):
                found = "was" if run["has_zeropool"] else "was not"
                sys.exit(f"loads.py: the library {found} loaded in a {allocator} run of {kind}")


def check_digests(runs):
    """Every load of every process and both files must give what glibc's first load of the .pt
    gave, byte for byte. Returns how many loads were compared with it."""
    expected = runs["pt", "glibc"][0]["digests"][0]
    compared, wrong = 0, []
    for (kind, allocator), group in sorted(runs.items()):
        for number, run in enumerate(group):
            for which, digests in zip(("first", "last"), run["digests"]):
                compared += 1
                wrong += [
                    f"{name}: differs in the {which} load of process {number}, "
                    f"{KINDS[kind]}, {allocator}"
                    for name in sorted(expected.keys() | digests.keys())
                    if expected.get(name) != digests.get(name)
                ]
    if wrong:
        more = [f"and {len(wrong) - 20} more"] if len(wrong) > 20 else []
        sys.exit("\n".join(["NOT bit-identical:", *wrong[:20], *more]))
    return compared


# ---------------------------------------------------------------------- table


def both(run, number):
    return run["load_ms"][number] + run["free_ms"][number]


def later(values):
    return statistics.median(values[1:])


# Each row: its label, the unit, and one process's figure.
ROWS = [
    ("first load", "ms", lambda run: run["load_ms"][0]),
    ("later loads", "ms", lambda run: later(run["load_ms"])),
    ("free", "ms", lambda run: later(run["free_ms"])),
    (
        "later load + free",
        "ms",
        lambda run: later([both(run, n) for n in range(len(run["load_ms"]))]),
    ),
    ("page faults, first", "", lambda run: run["faults"][0]),
    ("page faults, later", "", lambda run: later(run["faults"])),
    ("peak memory", "MB", lambda run: run["peak_mb"]),
]


def number_text(value):
    if value >= 10 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def count_text(number, one, many):
    return f"{number} {one if number == 1 else many}"


def cell(values, unit):
    """The median of the processes, and how far they spread."""
    middle = f"{number_text(statistics.median(values))} {unit}".rstrip()
    spread = f"{number_text(min(values))}..{number_text(max(values))}"
    return f"{middle:>9}  {spread:<14}"


def ratio_text(theirs, ours):
    ratio = statistics.median(theirs) / max(statistics.median(ours), 1e-9)
    if ratio < 10:
        return f"{ratio:.2f}"
    return f"{ratio:.0f}" if ratio < 10000 else "> 9999"


def section(kind, runs):
    """The lines of one kind of file. Process 0 is the warm-up."""
    yield f"{KINDS[kind]}  (checkpoint.{kind}, {runs[kind, 'glibc'][0]['file_mb']:.0f} MB)"
    for label, unit, figure in ROWS:
        glibc = [figure(run) for run in runs[kind, "glibc"][1:]]
        line = f"  {label:<18} {cell(glibc, unit)}"
        for allocator in OURS:
            values = [figure(run) for run in runs[kind, allocator][1:]]
            line += f" {cell(values, unit)} {ratio_text(glibc, values):>6}"
        yield line
    yield ""


def header():
    line = f"{'':<20} {'glibc':>9}  {'min..max':<14}"
    for allocator in OURS:
        line += f" {allocator:>9}  {'min..max':<14}  ratio"
    return line


def first_match(path, key):
    """The value of the first `key : value` line of a /proc file."""
    for line in pathlib.Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def thp_mode():
    """The word in brackets of `always [madvise] never`."""
    try:
        modes = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    except OSError:
        return "not available"
    return modes[modes.index("[") + 1 : modes.index("]")]


def machine_lines():
    cpu = first_match("/proc/cpuinfo", "model name") or platform.machine()
    memory_gb = int(first_match("/proc/meminfo", "MemTotal").split()[0]) * 1024 / 1e9
    yield f"machine   {cpu}, {len(os.sched_getaffinity(0))} cores, {memory_gb:.0f} GB of memory"
    system = f"{platform.system()} {platform.release()}"
    yield f"kernel    {system}, transparent huge pages: {thp_mode()}"
    yield f"date      {datetime.date.today().isoformat()}"


def table_lines(runs, compared):
    processes = runs["pt", "glibc"]
    loads, tensors = len(processes[0]["load_ms"]), len(processes[0]["digests"][0])
    yield from machine_lines()
    yield ""
    yield header()
    for kind in KINDS:
        yield from section(kind, runs)
    yield (
        f"Medians of {count_text(len(processes) - 1, 'process', 'processes')} of each, {loads} loads"
        " a process;"
        " ratio: glibc / that, more is better."
    )
    yield "parallel: zeropool with ZEROPOOL_READ=parallel."
    yield f"All {tensors} tensors bit-identical in all {compared} loads compared."


def table(folder):
    runs = read_runs(pathlib.Path(folder))
    missing = [f"{k}.{a}" for k in KINDS for a in ALLOCATORS if len(runs[k, a]) < 2]
    if missing:
        sys.exit(f"loads.py: {folder} lacks runs: {' '.join(missing)}")
    check_preload(runs)
    compared = check_digests(runs)
    print("\n".join(table_lines(runs, compared)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="load a file again and again in this process")
    measuring.add_argument("file", help="a .pt or .npz file")
    measuring.add_argument("--loads", type=int, default=6, help="how often; 2 or more (default 6)")
    measuring.add_argument("--no-digests", action="store_true", help="save the time for them")
    tabling = commands.add_parser("table", help="check and compare the outputs of many processes")
    tabling.add_argument("folder")
    touching = commands.add_parser("touch", help="write to fresh memory and end")
    touching.add_argument("bytes", type=int)
    options = parser.parse_args()
    if options.command == "table":
        table(options.folder)
    elif options.command == "touch":
        touch(options.bytes)
    elif options.loads < 2:
        parser.error("--loads: at least 2")
    else:
        print(json.dumps(measure(options.file, options.loads, not options.no_digests)))


if __name__ == "__main__":
    main()
