"""The allocators that the benchmarks compare, and how each is put under a program.

A peer is the same program with another environment: LD_PRELOAD for the library, and the variables
that tune it. One that is not installed stays in the list as absent, so that a report says so.
"""

import dataclasses
import os
import sysconfig

from workloads import gpt2

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

    @property
    def present(self):
        return not self.library or bool(self.path)

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
        Peer("nothing", "answers without doing anything", nothing),
        Peer("zeropool", "as it comes", ours),
        Peer("zeropool-off", "without zeroing", ours, {"ZEROPOOL_ZERO": "off"}),
        Peer("zeropool-background", "zeroes in a thread", ours, {"ZEROPOOL_ZERO": "background"}),
        Peer("zeropool-prewarm", "GPT-2 at start", ours, {"ZEROPOOL_PREWARM": gpt2.prewarm()}),
        Peer("zeropool-lifo", "evicts who came first", ours, {"ZEROPOOL_EVICTION": "lifo"}),
        Peer("zeropool-eager", "marks nothing MADV_FREE", ours, {"ZEROPOOL_RECLAIM": "off"}),
    ]
    for peer in peers:
        if peer.library:
            folders = [build] if os.path.dirname(peer.library) else library_folders()
            peer.path = find(peer.library, folders)
    twins = [
        dataclasses.replace(peer, name=twin_of(peer.name), library=other, path=other)
        for peer in peers
        if other and peer.library == ours
    ]
    return peers + twins


def library_folders():
    """Where a Linux distribution keeps its shared libraries."""
    multiarch = sysconfig.get_config_var("MULTIARCH")
    folders = [os.path.join("/usr/lib", multiarch)] if multiarch else []
    return folders + ["/usr/local/lib", "/usr/lib64", "/usr/lib", "/lib64", "/lib"]


def find(name, folders):
    """The absolute path of `name` in the first of `folders` that has it, or nothing."""
    for folder in folders:
        path = os.path.abspath(os.path.join(folder, name))
        if os.path.isfile(path):
            return path
    return ""
