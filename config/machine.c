// SPDX-License-Identifier: MIT OR Apache-2.0

#include "machine.h"

#include "files.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

enum { MAPPINGS_USUAL = 65530 }; // the kernel's default

static void lower(size_t *limit, size_t value)
{
    if (value < *limit)
        *limit = value;
}

// ---- Control groups --------------------------------------------------------------------------

static void lower_cpus(size_t *cpus, size_t quota, size_t period)
{
    if (quota != SIZE_MAX && quota != 0 && period != SIZE_MAX && period != 0)
        lower(cpus, quota / period + (quota % period != 0));
}

static void read_quota(const struct zp_path *folder, enum zp_hierarchy hierarchy, void *context)
{
    size_t *cpus = context;
    char text[ZP_SETTING_MOST], quota[ZP_SETTING_MOST];
    if (hierarchy == ZP_GROUPS_2) {
        zp_file_setting(folder->text, "/cpu.max", text); // "quota period", quota may be "max"
        const char *period = strchr(text, ' ');
        lower_cpus(cpus, zp_number_at(text), period != NULL ? zp_number_at(period + 1) : SIZE_MAX);
    } else if (hierarchy == ZP_GROUPS_CPU) {
        zp_file_setting(folder->text, "/cpu.cfs_quota_us", quota);
        zp_file_setting(folder->text, "/cpu.cfs_period_us", text);
        lower_cpus(cpus, zp_number_at(quota), zp_number_at(text));
    }
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
    char text[ZP_SETTING_MOST];
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        zp_file_setting(root, levels[i], text);
        size_t kib = zp_number_at(text);
        if (kib < SIZE_MAX / 1024 && strchr(text, 'K') != NULL)
            return kib * 1024;
    }
    return (size_t)32 << 20; // a usual size today
}

void zp_machine_probe(struct zp_machine *machine, const char *root)
{
    int saved_errno = errno;
    char text[ZP_SETTING_MOST];
    size_t quota = SIZE_MAX;
    zp_groups_visit(root, read_quota, &quota);
    machine->cpus = count_cpus(quota);
    zp_memory_look(root, &machine->memory);
    machine->address_space = address_space_limit();
    machine->cache = largest_cache(root);
    zp_file_setting(root, "/proc/sys/vm/overcommit_memory", text);
    machine->strict = text[0] == '2';
    zp_file_setting(root, "/proc/sys/vm/max_map_count", text);
    machine->mappings = zp_number_at(text);
    if (machine->mappings == SIZE_MAX)
        machine->mappings = MAPPINGS_USUAL;
    zp_file_setting(root, "/sys/kernel/mm/transparent_hugepage/enabled", text);
    machine->huge_pages = strstr(text, "[never]") == NULL;
    machine->huge_by_default = strstr(text, "[always]") != NULL;
    errno = saved_errno;
}
