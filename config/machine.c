// SPDX-License-Identifier: MIT OR Apache-2.0

#include "machine.h"

#include "core/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum {
    PATH_MOST = 1024,
    SETTING_MOST = 128,     // a file that holds one setting
    MAPPINGS_USUAL = 65530, // the kernel's default
};

// /proc/self/cgroup, a line per hierarchy. Not on the stack, which may be a thread's smallest.
static char group_list[4096];

// ---- Files -----------------------------------------------------------------------------------

struct path {
    size_t length;
    char text[PATH_MOST];
};

// Appends; a path that would be too long becomes one that does not exist.
static void path_add(struct path *path, const char *text, size_t length)
{
    if (path->length + length >= PATH_MOST) {
        path->text[0] = '\0';
        path->length = PATH_MOST;
        return;
    }
    memcpy(path->text + path->length, text, length);
    path->length += length;
    path->text[path->length] = '\0';
}

static struct path path_of(const char *root, const char *rest)
{
    struct path path = {.length = 0};
    path_add(&path, root, strlen(root));
    path_add(&path, rest, strlen(rest));
    return path;
}

// The start of a file as a string of up to `most` - 1 bytes, empty when there is none.
//
// By number, as libc's functions are cancellation points: a thread that is cancelled inside malloc
// would leave the pool half started, for ever.
static void read_file(const char *path, char *text, size_t most)
{
    size_t length = 0;
    int fd = (int)zp_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && length < most - 1) {
        ssize_t got = zp_syscall(SYS_read, fd, text + length, most - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    if (fd >= 0)
        zp_syscall(SYS_close, fd);
    text[length] = '\0';
}

static void read_setting(const char *root, const char *rest, char text[SETTING_MOST])
{
    struct path path = path_of(root, rest);
    read_file(path.text, text, SETTING_MOST);
}

// A decimal number at the start of `text`; SIZE_MAX for anything else ("max", "-1", too large).
static size_t number_at(const char *text)
{
    size_t number = 0;
    if (*text < '0' || *text > '9')
        return SIZE_MAX;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(number, (size_t)10, &number) ||
            __builtin_add_overflow(number, (size_t)(*text - '0'), &number))
            return SIZE_MAX;
    return number;
}

// ---- Control groups --------------------------------------------------------------------------

struct limits {
    size_t memory;
    size_t cpus;
};

static void lower(size_t *limit, size_t value)
{
    if (value < *limit)
        *limit = value;
}

static void lower_cpus(struct limits *limits, size_t quota, size_t period)
{
    if (quota != SIZE_MAX && quota != 0 && period != SIZE_MAX && period != 0)
        lower(&limits->cpus, quota / period + (quota % period != 0));
}

// The limits that the files of one group's folder set; `folder` is long enough for them to be
// added.
static void read_group(const struct path *folder, struct limits *limits)
{
    static const char *const memory_files[] = {"/memory.max", "/memory.high",
                                               "/memory.limit_in_bytes"};
    char text[SETTING_MOST];
    for (size_t i = 0; i < sizeof(memory_files) / sizeof(memory_files[0]); i++) {
        read_setting(folder->text, memory_files[i], text);
        lower(&limits->memory, number_at(text));
    }
    read_setting(folder->text, "/cpu.max", text); // "quota period", quota may be "max"
    const char *period = strchr(text, ' ');
    lower_cpus(limits, number_at(text), period != NULL ? number_at(period + 1) : SIZE_MAX);

    char quota[SETTING_MOST];
    read_setting(folder->text, "/cpu.cfs_quota_us", quota);
    read_setting(folder->text, "/cpu.cfs_period_us", text);
    lower_cpus(limits, number_at(quota), number_at(text));
}

// The limits of a group and of all groups above it: the lowest counts. In a container the group's
// own path may not be there; the mount point is then the group.
static void read_groups(const char *root, const char *mount, const char *group, size_t group_length,
                        struct limits *limits)
{
    struct path folder = path_of(root, mount);
    size_t top = folder.length;
    path_add(&folder, group, group_length);
    while (folder.length < PATH_MOST) {
        read_group(&folder, limits);
        if (folder.length <= top)
            break;
        while (folder.length > top && folder.text[--folder.length] != '/') {
        }
        folder.text[folder.length] = '\0';
    }
}

// Where the hierarchy of a line of /proc/self/cgroup is mounted: "id:controllers:path". Version 2
// has no controllers; beside version 1 it is mounted as "unified".
static void read_hierarchy(const char *root, const char *line, size_t length, struct limits *limits)
{
    const char *controllers = memchr(line, ':', length);
    if (controllers == NULL)
        return;
    controllers++;
    const char *group = memchr(controllers, ':', length - (size_t)(controllers - line));
    if (group == NULL)
        return;
    size_t named = (size_t)(group - controllers);
    group++;
    size_t group_length = length - (size_t)(group - line);
    if (group_length == 1) // "/": the mount point itself
        group_length = 0;
    if (named == 0) {
        read_groups(root, "/sys/fs/cgroup", group, group_length, limits);
        read_groups(root, "/sys/fs/cgroup/unified", group, group_length, limits);
    } else if (memmem(controllers, named, "memory", 6) != NULL) {
        read_groups(root, "/sys/fs/cgroup/memory", group, group_length, limits);
    } else if (named >= 3 && memcmp(controllers, "cpu", 3) == 0 &&
               (named == 3 || controllers[3] == ',')) {
        read_groups(root, "/sys/fs/cgroup/cpu", group, group_length, limits);
    }
}

static struct limits read_limits(const char *root)
{
    struct limits limits = {SIZE_MAX, SIZE_MAX};
    struct path path = path_of(root, "/proc/self/cgroup");
    read_file(path.text, group_list, sizeof(group_list));
    for (const char *line = group_list; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        read_hierarchy(root, line, length, &limits);
        line += length + (line[length] == '\n');
    }
    return limits;
}

// ---- The machine -----------------------------------------------------------------------------

static unsigned count_cpus(size_t quota)
{
    // Room for 8192 CPUs: the most that Linux is built for.
    unsigned long mask[8192 / (8 * sizeof(unsigned long))];
    memset(mask, 0, sizeof(mask));
    size_t cpus = 0;
    if (sched_getaffinity(0, sizeof(mask), (cpu_set_t *)(void *)mask) == 0)
        cpus = (size_t)CPU_COUNT_S(sizeof(mask), (cpu_set_t *)(void *)mask);
    lower(&cpus, quota);
    return cpus > 0 ? (unsigned)cpus : 1;
}

static size_t physical_memory(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (size_t)info.totalram * info.mem_unit : (size_t)1 << 30;
}

static size_t address_space_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    return limit.rlim_cur;
}

// The last level that is there of the first CPU: "32768K".
static size_t largest_cache(const char *root)
{
    static const char *const levels[] = {"/sys/devices/system/cpu/cpu0/cache/index3/size",
                                         "/sys/devices/system/cpu/cpu0/cache/index2/size"};
    char text[SETTING_MOST];
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        read_setting(root, levels[i], text);
        size_t kib = number_at(text);
        if (kib < SIZE_MAX / 1024 && strchr(text, 'K') != NULL)
            return kib * 1024;
    }
    return (size_t)32 << 20; // a usual size today
}

size_t zp_machine_memory(const char *root)
{
    int saved_errno = errno;
    size_t memory = physical_memory();
    lower(&memory, read_limits(root).memory);
    errno = saved_errno;
    return group_list[0] != '\0' ? memory : 0;
}

void zp_machine_probe(struct zp_machine *machine, const char *root)
{
    int saved_errno = errno;
    char text[SETTING_MOST];
    struct limits limits = read_limits(root);
    machine->cpus = count_cpus(limits.cpus);
    machine->memory = physical_memory();
    lower(&machine->memory, limits.memory);
    machine->address_space = address_space_limit();
    machine->cache = largest_cache(root);
    read_setting(root, "/proc/sys/vm/overcommit_memory", text);
    machine->strict = text[0] == '2';
    read_setting(root, "/proc/sys/vm/max_map_count", text);
    machine->mappings = number_at(text);
    if (machine->mappings == SIZE_MAX)
        machine->mappings = MAPPINGS_USUAL;
    read_setting(root, "/sys/kernel/mm/transparent_hugepage/enabled", text);
    machine->huge_pages = strstr(text, "[never]") == NULL;
    errno = saved_errno;
}
