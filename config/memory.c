// SPDX-License-Identifier: MIT OR Apache-2.0

#include "memory.h"

#include "files.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysinfo.h>

// A file with many lines: memory.stat, meminfo. Not on the stack, which may be a thread's smallest.
static char table[4096];

static void lower(size_t *limit, size_t value)
{
    if (value < *limit)
        *limit = value;
}

static size_t or_none(size_t number)
{
    return number != SIZE_MAX ? number : 0;
}

static size_t less(size_t number, size_t other)
{
    return number > other ? number - other : 0;
}

// ---- Groups ----------------------------------------------------------------------------------

// Lowers `*limit` to what a file says. False if there is no such file.
static bool read_limit(const struct zp_path *folder, const char *name, size_t *limit,
                       struct zp_memory *memory)
{
    char text[ZP_SETTING_MOST];
    enum zp_file file = zp_file_setting(folder->text, name, text);
    if (file == ZP_FILE_UNREADABLE || (file == ZP_FILE_READ && text[0] == '\0'))
        memory->complete = false;
    lower(limit, zp_number_at(text));
    return file != ZP_FILE_ABSENT;
}

// Bytes of a group's file pages that the kernel can drop. It lists pages that are marked as
// reclaimable with the inactive ones of files; so these are never more than there are pages of
// files.
static size_t droppable(const struct zp_path *folder, bool version_2)
{
    zp_file_read(folder->text, "/memory.stat", table, sizeof(table));
    size_t inactive =
        or_none(zp_number_of(table, version_2 ? "inactive_file" : "total_inactive_file"));
    size_t files = or_none(zp_number_of(table, version_2 ? "file" : "total_cache"));
    size_t shared = or_none(zp_number_of(table, version_2 ? "shmem" : "total_shmem"));
    lower(&inactive, less(files, shared));
    return inactive;
}

static void look_at_use(const struct zp_path *folder, bool version_2, size_t limit,
                        struct zp_memory *memory)
{
    char text[ZP_SETTING_MOST];
    const char *name = version_2 ? "/memory.current" : "/memory.usage_in_bytes";
    if (zp_file_setting(folder->text, name, text) != ZP_FILE_READ) {
        memory->complete = false;
        return;
    }
    size_t used = less(or_none(zp_number_at(text)), droppable(folder, version_2));
    lower(&memory->available, less(limit, used));
}

// False if the group has no limits, none that could be set.
static bool look_at_group(const struct zp_path *folder, bool version_2, size_t physical,
                          enum zp_memory_part part, struct zp_memory *memory)
{
    size_t limit = SIZE_MAX;
    if (!read_limit(folder, version_2 ? "/memory.max" : "/memory.limit_in_bytes", &limit, memory))
        return false;
    if (version_2)
        read_limit(folder, "/memory.high", &limit, memory);
    if (limit < physical) {
        memory->limited = true;
        lower(&memory->total, limit);
        if (part == ZP_MEMORY_ALL)
            look_at_use(folder, version_2, limit, memory);
    }
    return true;
}

// ---- The machine -----------------------------------------------------------------------------

static size_t physical_memory(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (size_t)info.totalram * info.mem_unit : (size_t)1 << 30;
}

static size_t kib_of(const char *name)
{
    return or_none(zp_number_of(table, name));
}

// What the kernel takes for available, without what is listed with the pages of files and is none.
static size_t available_memory(const char *root)
{
    zp_file_read(root, "/proc/meminfo", table, sizeof(table));
    size_t kib = zp_number_of(table, "MemAvailable:");
    if (kib == SIZE_MAX)
        return SIZE_MAX;
    size_t listed = kib_of("Active(file):") + kib_of("Inactive(file):");
    size_t files = less(kib_of("Cached:") + kib_of("Buffers:"), kib_of("Shmem:"));
    kib = less(kib, less(listed, files));
    return kib < SIZE_MAX / 1024 ? kib * 1024 : SIZE_MAX;
}

void zp_memory_look_at(const char *root, const struct zp_groups *groups, enum zp_memory_part part,
                       struct zp_memory *memory)
{
    int saved_errno = errno;
    size_t physical = physical_memory();
    const struct zp_hierarchy *tree = &groups->memory;
    struct zp_walk walk;
    *memory = (struct zp_memory){.total = physical, .available = physical, .complete = true};
    if (part == ZP_MEMORY_ALL)
        lower(&memory->available, available_memory(root));
    for (bool there = zp_walk_from_top(&walk, root, tree); there; there = zp_walk_down(&walk))
        if (!look_at_group(&walk.folder, tree->version_2, physical, part, memory) &&
            !zp_walk_is_at_top(&walk))
            break;
    lower(&memory->available, memory->total);
    errno = saved_errno;
}

bool zp_memory_look(const char *root, struct zp_memory *memory)
{
    struct zp_groups groups;
    zp_groups_read(root, &groups);
    zp_memory_look_at(root, &groups, ZP_MEMORY_ALL, memory);
    return groups.known;
}

// ---- Strain ----------------------------------------------------------------------------------

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345"
static size_t stalled_of(const char *text)
{
    const char *total = strncmp(text, "some ", 5) == 0 ? strstr(text, "total=") : NULL;
    return total != NULL ? zp_number_at(total + 6) : SIZE_MAX;
}

// Times that the groups of the process were at their limits. One further up counts its own, not
// those of its other groups.
static size_t times_refused(const char *root, const struct zp_hierarchy *tree)
{
    char text[ZP_SETTING_MOST];
    struct zp_walk walk;
    size_t refused = 0;
    for (bool there = zp_walk_from_top(&walk, root, tree); there; there = zp_walk_down(&walk)) {
        const char *name = tree->version_2 ? "/memory.events.local" : "/memory.failcnt";
        bool absent = zp_file_setting(walk.folder.text, name, text) == ZP_FILE_ABSENT;
        if (absent && !zp_walk_is_at_top(&walk))
            break;
        if (tree->version_2)
            refused += or_none(zp_number_of(text, "high")) + or_none(zp_number_of(text, "max"));
        else
            refused += or_none(zp_number_at(text));
    }
    return refused;
}

// Of the nearest group that says so, or of the machine.
static size_t time_stalled(const char *root, const struct zp_hierarchy *tree)
{
    char text[ZP_SETTING_MOST];
    struct zp_walk walk;
    size_t stalled = SIZE_MAX;
    for (bool there = zp_walk_from_own(&walk, root, tree); there; there = zp_walk_up(&walk)) {
        zp_file_setting(walk.folder.text, "/memory.pressure", text);
        stalled = stalled_of(text);
        if (stalled != SIZE_MAX)
            return stalled;
    }
    zp_file_setting(root, "/proc/pressure/memory", text);
    return or_none(stalled_of(text));
}

void zp_strain_look(const char *root, struct zp_strain *strain)
{
    struct zp_groups groups;
    zp_groups_read(root, &groups);
    strain->refused = times_refused(root, &groups.memory);
    strain->stalled = time_stalled(root, &groups.unified);
}
