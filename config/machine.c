// SPDX-License-Identifier: MIT OR Apache-2.0

#include "machine.h"

#include "files.h"

#include "core/os.h"
#include "core/size_class.h"
#include "core/syscall.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { USUAL_MAPPINGS = 65530 }; // the kernel's default
#define USUAL_CACHE ((size_t)32 << 20)

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

// False if the group has no quota, none that could be set.
static bool read_quota(const char *folder, bool version_2, size_t *cpus)
{
    char text[ZP_SETTING_MOST], period[ZP_SETTING_MOST];
    const char *name = version_2 ? "/cpu.max" : "/cpu.cfs_quota_us";
    bool there = zp_file_setting(folder, name, text) != ZP_FILE_ABSENT;
    size_t quota = zp_number_at(text);
    if (quota == SIZE_MAX)
        return there;
    const char *at = period;
    if (version_2) { // "quota period", where quota may be "max"
        const char *space = strchr(text, ' ');
        at = space != NULL ? space + 1 : "";
    } else {
        zp_file_setting(folder, "/cpu.cfs_period_us", period);
    }
    lower_cpus(cpus, quota, zp_number_at(at));
    return there;
}

static void lower_to_quota(const char *root, const struct zp_hierarchy *tree, size_t *cpus)
{
    struct zp_walk walk;
    for (bool there = zp_walk_from_top(&walk, root, tree); there; there = zp_walk_down(&walk))
        if (!read_quota(walk.folder.text, tree->version_2, cpus) && !zp_walk_is_at_top(&walk))
            break;
}

// ---- The machine -----------------------------------------------------------------------------

static size_t address_space_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    return limit.rlim_cur;
}

// Bytes of the last level that is there of the first CPU: "32768K".
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
    return USUAL_CACHE;
}

static bool is_strict(const char *root)
{
    char text[ZP_SETTING_MOST];
    zp_file_noted(root, ZP_FILE_OVERCOMMIT, text);
    return text[0] == '2';
}

static size_t mappings_most(const char *root)
{
    char text[ZP_SETTING_MOST];
    zp_file_setting(root, "/proc/sys/vm/max_map_count", text);
    size_t most = zp_number_at(text);
    return most != SIZE_MAX ? most : USUAL_MAPPINGS;
}

static bool huge_pages_are(const char *root, const char *setting)
{
    char text[ZP_SETTING_MOST];
    zp_file_noted(root, ZP_FILE_HUGE_PAGES, text);
    return strstr(text, setting) != NULL;
}

// The parent may have switched huge pages off for this process and all that it starts, or, since
// Linux 6.18, for memory that does not ask for them: the pool's does. A kernel that does not know
// the call has not.
static bool are_huge_pages_refused(void)
{
    return zp_syscall(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1;
}

// Bytes of a huge page, on x86-64 and aarch64: what one page of page table entries maps. 2 MiB with
// small pages of 4 KiB, 32 MiB with 16, 512 MiB with 64.
static size_t huge_page_size(void)
{
    size_t page = zp_os_page_size();
    return page / sizeof(uint64_t) * page;
}

static void find_nodes(const char *root, struct zp_nodes *nodes)
{
    unsigned long cpus[ZP_OS_CPUS_MOST / (8 * sizeof(unsigned long))];
    bool known = zp_os_affinity(cpus, sizeof(cpus));
    zp_nodes_read(root, known ? cpus : NULL, sizeof(cpus), nodes);
}

void zp_machine_probe(struct zp_machine *machine, const struct zp_machine_wants *wants,
                      const char *root)
{
    int saved_errno = errno;
    size_t cpus = zp_os_cpus();
    bool quota = wants->quota && cpus > wants->few_cpus;
    struct zp_groups groups = {.known = false};
    if (quota || wants->memory)
        zp_groups_read(root, &groups);
    if (quota)
        lower_to_quota(root, &groups.cpu, &cpus);
    *machine = (struct zp_machine){
        .cpus = (unsigned)cpus,
        .address_space = address_space_limit(),
        .cache = wants->cache ? largest_cache(root) : USUAL_CACHE,
        .mappings = mappings_most(root),
        .strict = is_strict(root),
        .huge_pages = !wants->huge_pages || !huge_pages_are(root, "[never]"),
        .huge_by_default = huge_pages_are(root, "[always]"),
        .huge_refused = wants->huge_pages && are_huge_pages_refused(),
        .huge_too_large = huge_page_size() > ZP_HUGE_PAGE,
    };
    if (wants->nodes)
        find_nodes(root, &machine->nodes);
    zp_memory_look_at(root, &groups, wants->available ? ZP_MEMORY_ALL : ZP_MEMORY_LIMITS,
                      &machine->memory);
    errno = saved_errno;
}
