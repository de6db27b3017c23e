"""The machine that the benchmarks run on: what it is, what is free, and making it ready."""

import mmap
import os
import platform

GIB = 1 << 30
PAGE = 4096


def read_text(path):
    """The text of a small file, or nothing where it is not to be had."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def field(path, name):
    """What `name: value` gives in a file of /proc."""
    for line in read_text(path).splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def memory_gib(name):
    """MemTotal or MemAvailable."""
    words = field("/proc/meminfo", name).split()
    return int(words[0]) * 1024 / GIB if words else 0.0


def describe():
    """What a reader must know to compare figures with those of another machine."""
    thp = read_text("/sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "cpu": field("/proc/cpuinfo", "model name") or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_gib("MemTotal"), 1),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "thp": thp[thp.find("[") + 1 : thp.find("]")] if "[" in thp else "none",
    }


def touch_memory(gib):
    """Write to every page of so much memory and give it back.

    In a virtual machine the first touch makes the host find the memory, after boot and again where
    the host takes back what lies free. That is many times slower than anything measured here, and
    would fall on whoever runs first.
    """
    size = int(min(gib, memory_gib("MemAvailable") / 2) * GIB) // PAGE * PAGE
    if size == 0:
        return
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        memory[::PAGE] = b"\1" * (size // PAGE)
