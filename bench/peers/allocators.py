"""The allocators that the benchmarks compare, and how each is put under a program.

A peer is the same program with another environment: LD_PRELOAD for the library, and the variables
that tune it. Some are as Debian has them, some are newer releases that newest.py has built. One
that is not there stays in the list as absent, so that a report says so.
"""

import dataclasses
import os
import subprocess
import sysconfig

from workloads import gpt2

from . import newest

KEEP_ALL = str(1 << 40)  # a threshold that no request reaches

# Names that would change an allocator, if the caller's environment had them.
FOREIGN = ("LD_PRELOAD", "GLIBC_TUNABLES", "MALLOC_", "MIMALLOC_", "TCMALLOC_", "ZEROPOOL_")


@dataclasses.dataclass
class Peer:
    name: str
    about: str
    library: str = ""  # a file name to search for, or a path within the build folder
    tuning: dict = dataclasses.field(default_factory=dict)
    path: str = ""  # where the library was found
    problem: str = ""  # why it cannot be run
    rehearses: bool = False  # a first process that is not measured prepares the later ones
    is_whole: bool = True  # every function of the family is there and does what it should

    def environment(self, further):
        """What a program is started with to run on this peer, with `further` variables."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        own.update(self.tuning)
        own.update(further)
        if self.path:
            own["LD_PRELOAD"] = self.path
        return own


def twin_of(name):
    """What a line or peer of ours is called when it runs another build of the library."""
    return name.replace("zeropool", "other", 1)


def all_peers(build, other=""):
    """Every peer, in the order of the tables; `build` is the folder with our own library. `other`
    is the path of another build of it, if one is to be compared: each peer of ours has a twin."""
    ours = os.path.join("preload", "libzeropool_preload.so")
    nothing = os.path.join("bench", "workloads", "libbench-nothing.so")
    learned = os.path.abspath(os.path.join(build, "bench", "learned"))
    learning = {"ZEROPOOL_PREWARM": "learn", "XDG_CACHE_HOME": learned}
    peers = [
        Peer("glibc", "as it comes"),
        Peer(
            "glibc-tuned",
            "maps nothing, gives nothing back",
            tuning={"MALLOC_MMAP_THRESHOLD_": KEEP_ALL, "MALLOC_TRIM_THRESHOLD_": KEEP_ALL},
        ),
        Peer("jemalloc", "as it comes", "libjemalloc.so.2"),
        Peer(
            "jemalloc-tuned",
            "huge pages, gives nothing back",
            "libjemalloc.so.2",
            {"MALLOC_CONF": "thp:always,dirty_decay_ms:-1,oversize_threshold:0"},
        ),
        Peer("mimalloc", "as it comes", "libmimalloc.so.2"),
        Peer("tcmalloc", "as it comes (the minimal one)", "libtcmalloc_minimal.so.4"),
        *newest_peers(build),
        Peer("nothing", "answers without doing anything", nothing, is_whole=False),
        Peer("zeropool", "as it comes", ours),
        Peer("zeropool-off", "without zeroing", ours, {"ZEROPOOL_ZERO": "off"}),
        Peer("zeropool-background", "zeroes in a thread", ours, {"ZEROPOOL_ZERO": "background"}),
        Peer("zeropool-prewarm", "GPT-2 at start", ours, {"ZEROPOOL_PREWARM": gpt2.prewarm()}),
        Peer("zeropool-learn", "what a first process held, at start", ours, learning, rehearses=True),
        Peer("zeropool-parallel", "reads by threads", ours, {"ZEROPOOL_READ": "parallel"}),
        Peer("zeropool-lifo", "evicts who came first", ours, {"ZEROPOOL_EVICTION": "lifo"}),
        Peer("zeropool-eager", "marks nothing MADV_FREE", ours, {"ZEROPOOL_RECLAIM": "off"}),
    ]
    for peer in peers:
        if peer.library and not peer.path and not peer.problem:
            folders = [build] if os.path.dirname(peer.library) else library_folders(build)
            peer.path = find(peer.library, folders)
            peer.problem = "" if peer.path else f"{os.path.basename(peer.library)} not found"
    twins = [
        dataclasses.replace(peer, name=twin_of(peer.name), library=other, path=other, problem="")
        for peer in peers
        if other and peer.library == ours
    ]
    return peers + twins


def newest_peers(build):
    """The releases that newest.py builds; what it could not build is absent."""
    for release in newest.NEWEST:
        library = newest.library_of(build, release.name)
        if newest.is_built(build, release):
            yield Peer(release.name, release.about, library, path=library)
        else:
            yield Peer(release.name, release.about, library, problem="not built")


def library_folders(build):
    """What was brought along, and where a Linux distribution keeps its shared libraries."""
    brought = os.path.join(build, "peers")
    multiarch = sysconfig.get_config_var("MULTIARCH")
    folders = [os.path.join("/usr/lib", multiarch)] if multiarch else []
    return [brought, *folders, "/usr/local/lib", "/usr/lib64", "/usr/lib", "/lib64", "/lib"]


def find(name, folders):
    """The absolute path of `name` in the first of `folders` that has it, or nothing."""
    for folder in folders:
        path = os.path.abspath(os.path.join(folder, name))
        if os.path.isfile(path):
            return path
    return ""


# ---------------------------------------------------------------------- what they are


def check_serving(peers, build):
    """Leaves out each peer whose library does not serve malloc in a program that preloads it."""
    program = os.path.join(build, "bench", "workloads", "bench-serves")
    for peer in peers:
        if not peer.path or peer.problem or not peer.is_whole:
            continue
        done = subprocess.run(
            [program], env=peer.environment({}), capture_output=True, text=True, check=False
        )
        serving = done.stdout.strip()
        if done.returncode != 0 or not os.path.samefile(serving, peer.path):
            peer.problem = f"malloc is served by {serving or 'nothing'}"


def versions(peers):
    """Of each other allocator: its release, or why it is absent."""
    releases = {n.name: n.about for n in newest.NEWEST}
    return {
        peer.name: f"absent: {peer.problem}" if peer.problem else releases.get(peer.name)
        or debian_version(peer.path)
        for peer in peers
        if peer.library and peer.is_whole and not peer.tuning and peer.name[:8] != "zeropool"
    }


def debian_version(path):
    """Of the package that holds a library."""
    owner = answer_of("dpkg-query", "-S", os.path.realpath(path)).partition(":")[0]
    version = owner and answer_of("dpkg-query", "-W", "-f", "${Version}", owner)
    return f"{version} (Debian)" if version else "unknown"


def answer_of(*command):
    """What a command says, or nothing if it cannot be asked."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
