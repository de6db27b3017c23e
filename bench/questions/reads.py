"""Reading files: what a slow device and a cold disk make of it, and what a small read costs."""

import os
import statistics
import subprocess

from suite.question import (
    Chart,
    Figure,
    NotMeasured,
    Question,
    Target,
    lines_of,
    median_of,
    program,
    ratio,
    value,
)

from .loads import LOADER_FILE, make_loader_file, remove_loader_file

SLOW_FOLDER = "{build}/bench/slow"
SLOW = ["slow:size=64M:ms=2"]  # of bench-file-server
READERS = lines_of("glibc", "zeropool", "zeropool-parallel")

server = None  # of the slow file


def added(name):
    """Nanoseconds by which a call by name is above libc's own, of one process."""

    def of(output):
        turns = zip(output[f"{name}_ns"], output[f"{name}_libc_ns"])
        return statistics.median(ours - libcs for ours, libcs in turns)

    return of


def serve_slow_file(build):
    """Starts the server, which answers once its folder is there."""
    global server
    path = os.path.join(build, "bench", "workloads", "bench-file-server")
    if not os.path.exists(path):
        raise NotMeasured("bench-file-server was not built: it takes libfuse3-dev")
    folder = SLOW_FOLDER.replace("{build}", build)
    os.makedirs(folder, exist_ok=True)
    server = subprocess.Popen([path, *SLOW, "--at", folder], stdout=subprocess.PIPE, text=True)
    answer = server.stdout.readline().strip()
    if answer != "ready":
        server = None
        raise NotMeasured(answer.replace("skipped: ", ""))


def end_server(build):
    global server
    if server is not None:
        server.terminate()
        server.wait()
        server = None
    folder = SLOW_FOLDER.replace("{build}", build)
    if os.path.isdir(folder):
        os.rmdir(folder)


def cold_load(output):
    """A load, if the file came from the device."""
    if min(output["device_mib"]) < 500:
        raise NotMeasured("the file stays in the page cache here")
    return statistics.median(output["load_ms"])


QUESTIONS = [
    Question(
        name="slow",
        title="Reading from a device with latency",
        about="malloc, pread and free of 64 MiB in buffers of 16 MiB, of a file system that takes "
        "2 ms for each request; nothing of it is in memory.",
        command=program("cold", f"{SLOW_FOLDER}/slow"),
        figures=[Figure("load_ms", "load, ms", median_of("load_ms"))],
        targets=[
            Target(
                "zeropool / zeropool-parallel",
                ratio("load_ms", "zeropool", "zeropool-parallel"),
                ">=",
                3,
            )
        ],
        base="zeropool",
        lines=READERS,
        charts=[Chart(["load_ms"], ["load"], "ms")],
        prepare=serve_slow_file,
        clean=end_server,
        seconds=12,
        rounds=3,
    ),
    Question(
        name="cold",
        title="Reading from a disk",
        about="malloc, pread and free of 548 MB in buffers of 16 MiB, of a file that was dropped "
        "from the page cache.",
        command=program("cold", LOADER_FILE),
        figures=[
            Figure("load_ms", "load, ms", cold_load),
            Figure("device_mib", "from the disk, MiB", median_of("device_mib"), ""),
        ],
        targets=[
            Target(
                "zeropool-parallel / zeropool",
                ratio("load_ms", "zeropool-parallel", "zeropool"),
                "<=",
                1.02,
            )
        ],
        base="zeropool",
        lines=READERS,
        memory_gib=2,
        prepare=make_loader_file,
        clean=remove_loader_file,
        seconds=32,
        rounds=4,
    ),
    Question(
        name="call",
        title="A small read",
        about="pread of 4 KiB from a file in memory, and read of nothing from /dev/null, by name "
        "and by libc's own function in the same process.",
        command=program("call"),
        figures=[
            Figure("pread_added_ns", "pread, added, ns", added("pread")),
            Figure("read_added_ns", "read, added, ns", added("read")),
            Figure("pread_ns", "pread, ns", median_of("pread_ns")),
            Figure("read_ns", "read, ns", median_of("read_ns")),
        ],
        targets=[
            Target(
                f"zeropool, {name} of 4 KiB, ns added",
                value(f"{name}_added_ns", "zeropool"),
                "<=",
                2,
            )
            for name in ("pread", "read")
        ],
        base="glibc",
        lines=lines_of("glibc", "zeropool", "zeropool-parallel"),
        seconds=8,
        rounds=9,
        quick_rounds=3,
    ),
]
