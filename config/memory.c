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

struct look {
    struct zp_memory *memory;
    size_t physical;
};

// Lowers `*limit` to what a file says.
static void read_limit(const struct zp_path *folder, const char *name, size_t *limit,
                       struct zp_memory *memory)
{
    char text[ZP_SETTING_MOST];
    enum zp_file file = zp_file_setting(folder->text, name, text);
    if (file == ZP_FILE_UNREADABLE || (file == ZP_FILE_READ && text[0] == '\0'))
        memory->complete = false;
    lower(limit, zp_number_at(text));
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

static void look_at_group(const struct zp_path *folder, enum zp_hierarchy hierarchy, void *context)
{
    const struct look *look = context;
    struct zp_memory *memory = look->memory;
    bool version_2 = hierarchy == ZP_GROUPS_2;
    size_t limit = SIZE_MAX;
    if (hierarchy == ZP_GROUPS_CPU)
        return;
    if (version_2) {
        read_limit(folder, "/memory.max", &limit, memory);
        read_limit(folder, "/memory.high", &limit, memory);
    } else {
        read_limit(folder, "/memory.limit_in_bytes", &limit, memory);
    }
    if (limit >= look->physical)
        return;
    memory->limited = true;
    lower(&memory->total, limit);

    char text[ZP_SETTING_MOST];
    const char *name = version_2 ? "/memory.current" : "/memory.usage_in_bytes";
    if (zp_file_setting(folder->text, name, text) != ZP_FILE_READ) {
        memory->complete = false;
        return;
    }
    size_t used = less(or_none(zp_number_at(text)), droppable(folder, version_2));
    lower(&memory->available, less(limit, used));
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

bool zp_memory_look(const char *root, struct zp_memory *memory)
{
    int saved_errno = errno;
    struct look look = {memory, physical_memory()};
    memory->total = look.physical;
    memory->available = available_memory(root);
    memory->limited = false;
    memory->complete = true;
    bool known = zp_groups_visit(root, look_at_group, &look);
    lower(&memory->available, memory->total);
    errno = saved_errno;
    return known;
}

// ---- Strain ----------------------------------------------------------------------------------

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345"
static size_t stalled_of(const char *text)
{
    const char *total = strncmp(text, "some ", 5) == 0 ? strstr(text, "total=") : NULL;
    return total != NULL ? zp_number_at(total + 6) : SIZE_MAX;
}

static void look_at_strain(const struct zp_path *folder, enum zp_hierarchy hierarchy, void *context)
{
    struct zp_strain *strain = context;
    char text[ZP_SETTING_MOST];
    if (hierarchy == ZP_GROUPS_MEMORY) {
        zp_file_setting(folder->text, "/memory.failcnt", text);
        strain->refused += or_none(zp_number_at(text));
    } else if (hierarchy == ZP_GROUPS_2) {
        // A group above counts its own limit, not those of its other groups.
        zp_file_setting(folder->text, "/memory.events.local", text);
        strain->refused += or_none(zp_number_of(text, "high")) + or_none(zp_number_of(text, "max"));
        zp_file_setting(folder->text, "/memory.pressure", text);
        if (strain->stalled == SIZE_MAX) // the nearest group
            strain->stalled = stalled_of(text);
    }
}

void zp_strain_look(const char *root, struct zp_strain *strain)
{
    *strain = (struct zp_strain){.refused = 0, .stalled = SIZE_MAX};
    zp_groups_visit(root, look_at_strain, strain);
    if (strain->stalled == SIZE_MAX) {
        char text[ZP_SETTING_MOST];
        zp_file_setting(root, "/proc/pressure/memory", text);
        strain->stalled = or_none(stalled_of(text));
    }
}
