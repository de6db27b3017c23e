"""Builds the newest releases of other allocators as libraries to preload.

Their sources come in crates. Cargo fetches them, in exact versions; what is compiled of each is
what its own project makes for LD_PRELOAD, with the flags of its own build files. Built once, into
build/peers/newest; where cargo or a crate is not to be had, Debian's allocators remain.
"""

import dataclasses
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import typing

MANIFEST = """[package]
name = "bench-newest"
version = "0.1.0"
edition = "2021"
publish = false

[lib]
path = "empty.rs"

[dependencies]
"""
SHARED = ("-O3", "-DNDEBUG", "-fPIC", "-shared", "-ftls-model=initial-exec")
HIDDEN = "-fvisibility=hidden"
THREADS = "-lpthread"


class NotBuilt(Exception):
    """A library cannot be had; the text says why."""


@dataclasses.dataclass
class Newest:
    """An allocator: `build` makes `library` of the crate's folder, working in a folder of its
    own that is empty before."""

    name: str  # of the peer
    version: str  # of the allocator, not of the crate
    crate: str
    crate_version: str
    build: typing.Callable[[str, str, str], None]  # crate's folder, work folder, library
    stand_in: str = ""  # Debian's, an older release, for where this one cannot be had

    @property
    def about(self):
        return f"{self.version} ({self.crate} {self.crate_version.partition('+')[0]})"

    @property
    def stamp(self):
        """What a library was built from and how; another stamp makes it anew."""
        with open(__file__, "rb") as file:
            recipe = hashlib.sha256(file.read()).hexdigest()
        return {"crate": f"{self.crate} {self.crate_version}", "recipe": recipe}


def run(command, folder, failure="cannot be compiled"):
    """What a command prints. If it fails, what it said goes to stderr, and `failure` into the
    table, which is kept and must not name this machine."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotBuilt(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        print(f"{command[0]} failed: {done.stderr.strip()[-1000:]}", file=sys.stderr)
        raise NotBuilt(failure)
    return done.stdout


# ---------------------------------------------------------------------- how each is made


def build_mimalloc(generation):
    """As its CMakeLists.txt makes libmimalloc.so for a release."""
    defines = ("MI_BUILD_RELEASE", "MI_MALLOC_OVERRIDE", "MI_SHARED_LIB", "MI_SHARED_LIB_EXPORT")

    def build(crate, work, library):
        source = os.path.join(crate, "c_src", "mimalloc", generation)
        includes = [f"-I{os.path.join(source, folder)}" for folder in ("include", "src")]
        flags = [*SHARED, HIDDEN, "-fno-builtin-malloc", *(f"-D{name}" for name in defines)]
        main = os.path.join(source, "src", "static.c")
        run(["gcc", *flags, *includes, main, "-o", library, THREADS], work)

    return build


def build_jemalloc(crate, work, library):
    """Its own configure with its own defaults, but without the parts for C++ and the manual."""
    shutil.copytree(os.path.join(crate, "jemalloc"), work, dirs_exist_ok=True)
    shutil.copy(os.path.join(crate, "configure", "configure"), work)
    options = [f"--with-version={JEMALLOC_VERSION}", "--disable-cxx", "--disable-doc"]
    run(["sh", "configure", *options, "--disable-static"], work)
    run(["make", f"-j{os.cpu_count()}", "build_lib_shared"], work)
    shutil.copy(os.path.join(work, "lib", "libjemalloc.so.2"), library)


def build_snmalloc(crate, work, library):
    """As its CMakeLists.txt makes libsnmallocshim.so."""
    source = os.path.join(crate, "upstream", "src")
    flags = [*SHARED, HIDDEN, "-std=c++20", "-fomit-frame-pointer", "-ffunction-sections"]
    if platform.machine() == "x86_64":
        flags += ["-mcx16", "-mprfchw"]
    flags += [
        '-DSNMALLOC_EXPORT=__attribute__((visibility("default")))',
        "-DSNMALLOC_USE_WAIT_ON_ADDRESS=1",
        "-DSNMALLOC_USE_CXX11_THREAD_ATEXIT_DIRECT",
        "-DSNMALLOC_CHECK_LOADS=false",
        "-DSNMALLOC_PAGEID=false",
        f"-I{source}",
    ]
    parts = [os.path.join(source, "snmalloc", "override", f"{p}.cc") for p in ("malloc", "new")]
    run(["g++", *flags, *parts, "-static-libstdc++", "-o", library, THREADS], work)


def build_rpmalloc(crate, work, library):
    """As its configure.py makes librpmallocwrap.so."""
    flags = [*SHARED, "-std=c11", "-funroll-loops", "-D_GNU_SOURCE=1"]
    flags += ["-DENABLE_PRELOAD=1", "-DENABLE_OVERRIDE=1"]
    source = os.path.join(crate, "rpmalloc", "rpmalloc", "rpmalloc.c")
    run(["gcc", *flags, source, "-o", library, THREADS, "-ldl"], work)


JEMALLOC_VERSION = "5.3.1-0-g81034ce1f1373e37dc865038e1bc8eeecf559ce8"
JEMALLOC_CRATE = f"0.7.1+{JEMALLOC_VERSION}"

NEWEST = (
    Newest(
        "jemalloc-5.3.1", "5.3.1", "tikv-jemalloc-sys", JEMALLOC_CRATE, build_jemalloc, "jemalloc"
    ),
    Newest("mimalloc-2.3", "2.3.2", "libmimalloc-sys", "0.1.49", build_mimalloc("v2")),
    Newest("mimalloc-3", "3.3.2", "libmimalloc-sys", "0.1.49", build_mimalloc("v3"), "mimalloc"),
    Newest("snmalloc", "0.7.6", "snmalloc-sys", "0.7.6", build_snmalloc),
    Newest("rpmalloc", "1.4.3", "rpmalloc-sys", "0.2.3+b097fd0", build_rpmalloc),
)

# ---------------------------------------------------------------------- all of them


def folder_of(build):
    return os.path.join(build, "peers", "newest")


def library_of(build, name):
    """Where the library of a peer is, if it was built."""
    return os.path.join(folder_of(build), f"lib{name}.so")


def stamp_file(build, name):
    return f"{library_of(build, name)}.json"


def is_built(build, newest):
    try:
        with open(stamp_file(build, newest.name), encoding="utf-8") as file:
            return json.load(file) == newest.stamp
    except (OSError, ValueError):
        return False


def fetched_crates(folder):
    """The folder of each crate's sources, from cargo, which fetches what it has not yet."""
    if not shutil.which("cargo"):
        raise NotBuilt("cargo is not installed")
    crates = dict.fromkeys((n.crate, n.crate_version) for n in NEWEST)
    with open(os.path.join(folder, "Cargo.toml"), "w", encoding="utf-8") as file:
        file.write(MANIFEST)
        file.writelines(f'{crate} = "={version}"\n' for crate, version in crates)
    with open(os.path.join(folder, "empty.rs"), "w", encoding="utf-8"):
        pass
    command = ["cargo", "metadata", "--format-version", "1", "--quiet", "--config", "net.retry=0"]
    found = run(command, folder, "cargo cannot fetch its source")
    packages = json.loads(found)["packages"]
    return {package["name"]: os.path.dirname(package["manifest_path"]) for package in packages}


def build_one(build, newest, crate):
    """Appears whole or not at all."""
    library = library_of(build, newest.name)
    work = os.path.join(folder_of(build), "work")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    newest.build(crate, work, f"{library}.new")
    os.replace(f"{library}.new", library)
    with open(stamp_file(build, newest.name), "w", encoding="utf-8") as file:
        json.dump(newest.stamp, file)
    shutil.rmtree(work)


def build_all(build, names, tell):
    """Builds those of `names` (all, if empty) that are not there yet. Returns why for each that
    cannot be had; `tell` is called with the name of each that is being built."""
    wanted = [n for n in NEWEST if not is_built(build, n) and (not names or n.name in names)]
    why = {}
    if not wanted:
        return why
    os.makedirs(folder_of(build), exist_ok=True)
    try:
        tell("their sources")
        crates = fetched_crates(folder_of(build))
    except NotBuilt as reason:
        return {newest.name: str(reason) for newest in wanted}
    for newest in wanted:
        tell(newest.name)
        try:
            build_one(build, newest, crates[newest.crate])
        except NotBuilt as reason:
            why[newest.name] = str(reason)
    return why
