// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A fuzz target: bytes are the content of files of /proc and /sys, in a folder of the target's own:
// a number that chooses a file, a length, and so many bytes of content, over and over.
//
// Breaks when any content crashes the probe, changes errno, or leads to a machine that cannot be,
// or to a configuration that the pool does not take.

#include "resolved.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char *const folders[] = {
    "/proc",
    "/proc/self",
    "/proc/sys",
    "/proc/sys/vm",
    "/sys",
    "/sys/fs",
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/a",
    "/sys/fs/cgroup/a/b",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/memory",
    "/sys/fs/cgroup/memory/a",
    "/sys/fs/cgroup/cpu",
    "/sys/fs/cgroup/cpu/a",
    "/sys/kernel",
    "/sys/kernel/mm",
    "/sys/kernel/mm/transparent_hugepage",
    "/sys/devices",
    "/sys/devices/system",
    "/sys/devices/system/cpu",
    "/sys/devices/system/cpu/cpu0",
    "/sys/devices/system/cpu/cpu0/cache",
    "/sys/devices/system/cpu/cpu0/cache/index2",
    "/sys/devices/system/cpu/cpu0/cache/index3",
};

static const char *const files[] = {
    "/proc/self/cgroup",
    "/proc/sys/vm/overcommit_memory",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/devices/system/cpu/cpu0/cache/index2/size",
    "/sys/devices/system/cpu/cpu0/cache/index3/size",
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/a/memory.max",
    "/sys/fs/cgroup/a/memory.high",
    "/sys/fs/cgroup/a/b/memory.max",
    "/sys/fs/cgroup/a/cpu.max",
    "/sys/fs/cgroup/a/b/cpu.max",
    "/sys/fs/cgroup/cgroup.controllers",
    "/sys/fs/cgroup/unified/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
    "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us",
    "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us",
};

enum {
    FOLDERS = sizeof(folders) / sizeof(folders[0]),
    FILES = sizeof(files) / sizeof(files[0]),
};

static char root[64];
static pid_t owner;
static bool is_there[FILES];
static struct zp_machine bare; // without any file

static const char *path_of(const char *rest)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s%s", root, rest);
    return path;
}

static void write_file(unsigned index, const uint8_t *content, size_t length)
{
    int fd = open(path_of(files[index]), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, content, length) == (ssize_t)length);
    close(fd);
    is_there[index] = true;
}

static void write_files(struct unit_random *choices)
{
    while (!fuzz_is_over(choices)) {
        unsigned index = (unsigned)unit_random_below(choices, FILES);
        size_t length = unit_random_below(choices, 2048);
        size_t rest = (size_t)(choices->end - choices->next);
        length = length < rest ? length : rest;
        write_file(index, choices->next, length);
        choices->next += length;
    }
}

static void remove_files(void)
{
    for (unsigned i = 0; i < FILES; i++)
        if (is_there[i])
            unlink(path_of(files[i]));
    memset(is_there, 0, sizeof(is_there));
}

static struct zp_machine probe(void)
{
    struct zp_machine machine;
    memset(&machine, 0xA5, sizeof(machine));
    errno = 4711;
    static const struct zp_machine_wants all = {
        .quota = true, .memory = true, .available = true, .cache = true, .huge_pages = true};
    zp_machine_probe(&machine, &all, root);
    MUST(errno == 4711);
    return machine;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct unit_random choices = fuzz_choices(bytes, length);
    write_files(&choices);
    struct zp_machine machine = probe();
    struct zp_memory memory;
    struct zp_strain strain;
    zp_memory_look(root, &memory);
    zp_strain_look(root, &strain);
    remove_files();

    MUST(machine.cpus >= 1 && machine.cpus <= bare.cpus);
    MUST(machine.memory.total <= bare.memory.total);
    MUST(machine.memory.available <= machine.memory.total);
    MUST(memory.total == machine.memory.total);
    MUST(machine.address_space == bare.address_space);
    MUST(machine.cache < SIZE_MAX);
    struct zp_options options;
    zp_options_defaults(&options);
    check_resolved(&options, &machine);
    return 0;
}

static void remove_root(void)
{
    if (getpid() != owner)
        return;
    remove_files();
    for (unsigned i = FOLDERS; i-- > 0;)
        rmdir(path_of(folders[i]));
    rmdir(root);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const char *parent = getenv("TMPDIR");
    snprintf(root, sizeof(root), "%s/zeropool-fuzz-XXXXXX", parent != NULL ? parent : "/tmp");
    MUST(mkdtemp(root) != NULL);
    owner = getpid();
    for (unsigned i = 0; i < FOLDERS; i++)
        MUST(mkdir(path_of(folders[i]), 0700) == 0);
    bare = probe();
    atexit(remove_root);
    return 0;
}
