// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool doctor: memory, what limits it, and huge pages.

#include "command/findings.h"
#include "config/files.h"
#include "config/resolve.h"
#include "core/base.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// ---- CPUs and memory -------------------------------------------------------------------------

static void find_cpus(struct zp_findings *findings)
{
    unsigned cpus = findings->machine.cpus;
    struct zp_finding *finding = zp_found(findings, "CPUs", "cpus", cpus > 1 ? ZP_FINE : ZP_NOTE,
                                          "%u for this process", cpus);
    if (cpus > 1)
        return;
    finding->cost = "threads of the library have no CPU of their own to work on";
    finding->advice = "leave ZERO, READ and DECAY_BY at their defaults: background, parallel and "
                      "thread gain nothing here";
}

static void find_memory(struct zp_findings *findings)
{
    const struct zp_memory *memory = &findings->machine.memory;
    size_t share = zp_budget_share(memory, 0);
    bool small = share < 256 * ZP_MIB;
    struct zp_finding *finding = zp_found(
        findings, "memory", "memory", small ? ZP_COSTS : ZP_FINE,
        "%s%s, %s available; a pool may retain %s (MAX_MEMORY=auto)",
        zp_size_text(memory->total).is, memory->limited ? " (limit of the memory group)" : "",
        zp_size_text(memory->available).is, zp_size_text(share).is);
    if (!small)
        return;
    finding->cost =
        "the pool can keep few buffers: large requests go to the kernel again and again";
    finding->advice =
        memory->limited ? "raise the limit of the container, or set ZEROPOOL_MAX_MEMORY if what is "
                          "counted as used can be given up"
                        : "free memory, or set ZEROPOOL_MAX_MEMORY if what is counted as used can "
                          "be given up";
}

static void find_group(struct zp_findings *findings)
{
    struct zp_groups groups;
    struct zp_walk walk;
    zp_groups_read(findings->root, &groups);
    if (!groups.known || !zp_walk_from_own(&walk, findings->root, &groups.memory)) {
        zp_found(findings, "memory group", "memory_group", ZP_NOTE,
                 "none that can be seen: limits of a container are not known to the library");
        return;
    }
    static const char *const files[2][2] = {
        {"/memory.limit_in_bytes", "/memory.soft_limit_in_bytes"}, {"/memory.max", "/memory.high"}};
    char limit[ZP_SETTING_MOST], soft[ZP_SETTING_MOST];
    bool version_2 = groups.memory.version_2;
    zp_file_setting(walk.folder.text, files[version_2][0], limit);
    zp_file_setting(walk.folder.text, files[version_2][1], soft);
    limit[strcspn(limit, "\n")] = soft[strcspn(soft, "\n")] = '\0';
    if (zp_number_at(limit) > SIZE_MAX / 4) // "max", or what version 1 has instead
        limit[0] = '\0';
    struct zp_finding *finding =
        zp_found(findings, "memory group", "memory_group", ZP_FINE, "version %d, %.150s, %s: %s",
                 version_2 ? 2 : 1, walk.folder.text + strlen(findings->root),
                 files[version_2][0] + 1, limit[0] != '\0' ? limit : "none of its own");
    if (version_2 && soft[0] != '\0' && strcmp(soft, "max") != 0) {
        finding->level = ZP_COSTS;
        finding->cost = "memory.high is set: above it the kernel slows the program down";
        finding->advice = "set memory.max alone, or ZEROPOOL_MAX_MEMORY well below memory.high";
    }
}

static void find_pressure(struct zp_findings *findings)
{
    char text[ZP_SETTING_MOST];
    if (zp_file_setting(findings->root, "/proc/pressure/memory", text) != ZP_FILE_READ) {
        zp_found(findings, "memory pressure", "memory_pressure", ZP_NOTE, "the kernel does not say")
            ->cost = "DECAY_BY=thread learns of a shortage from the memory group alone";
        return;
    }
    const char *average = strstr(text, "avg60=");
    double percent = 0;
    if (average == NULL || sscanf(average + 6, "%lf", &percent) != 1)
        return;
    struct zp_finding *finding =
        zp_found(findings, "memory pressure", "memory_pressure", percent < 1 ? ZP_FINE : ZP_COSTS,
                 "%.1f %% of the last minute somebody waited for memory", percent);
    if (percent < 1)
        return;
    finding->cost =
        "the machine is short of memory: what is pooled is taken back and fetched again";
    finding->advice = "lower ZEROPOOL_MAX_MEMORY, or use ZEROPOOL_DECAY_BY=thread";
}

// ---- Limits ----------------------------------------------------------------------------------

static void find_overcommit(struct zp_findings *findings)
{
    char text[ZP_SETTING_MOST];
    static const char *const modes[] = {"0, by estimate", "1, always", "2, strict"};
    zp_file_setting(findings->root, "/proc/sys/vm/overcommit_memory", text);
    size_t mode = zp_number_at(text);
    if (mode > 2)
        return;
    struct zp_finding *finding = zp_found(findings, "overcommit", "overcommit",
                                          mode == 2 ? ZP_COSTS : ZP_FINE, "%s", modes[mode]);
    if (mode != 2)
        return;
    finding->cost =
        "every buffer that is live or pooled is charged against the machine's limit, and "
        "takes two mappings";
    finding->advice =
        "sysctl vm.overcommit_memory=0, or set ZEROPOOL_MAX_MEMORY to what may be charged";
}

static void find_mappings(struct zp_findings *findings)
{
    enum { USUAL = 65530 };
    size_t most = findings->machine.mappings;
    struct zp_finding *finding =
        zp_found(findings, "mappings", "mappings", most >= USUAL ? ZP_FINE : ZP_COSTS,
                 "%zu for a process (vm.max_map_count)", most);
    if (most >= USUAL)
        return;
    finding->cost = "buffers may take half of them: a program with many goes to jemalloc early";
    finding->advice = "sysctl vm.max_map_count=65530";
}

// The arena takes a quarter of the addresses, and does without a pool below 5 GiB (core/arena.h).
static void find_addresses(struct zp_findings *findings)
{
    const size_t least = 5 * ZP_GIB;
    size_t limit = findings->machine.address_space;
    if (limit == SIZE_MAX) {
        zp_found(findings, "addresses", "address_space", ZP_FINE, "not limited (RLIMIT_AS)");
        return;
    }
    bool enough = limit / 4 >= least;
    struct zp_finding *finding =
        zp_found(findings, "addresses", "address_space", enough ? ZP_NOTE : ZP_PREVENTS,
                 "limited to %s (RLIMIT_AS)", zp_size_text(limit).is);
    finding->cost = enough ? "a quarter is reserved for the pool; buffers beyond it go to jemalloc"
                           : "the pool needs 5 GiB of addresses and takes a quarter: it stays off, "
                             "and every request goes to jemalloc";
    finding->advice = "ulimit -v unlimited; limit memory by a memory group instead";
}

static void find_limit(struct zp_findings *findings, const char *about, const char *key, int which,
                       const char *cost, const char *advice)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)which, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    struct zp_finding *finding =
        zp_found(findings, about, key, ZP_COSTS, "limited to %s", zp_size_text(limit.rlim_cur).is);
    finding->cost = cost;
    finding->advice = advice;
}

// ---- Huge pages ------------------------------------------------------------------------------

// The word in brackets, or "".
static void chosen(const char *root, const char *path, char word[ZP_SETTING_MOST])
{
    char text[ZP_SETTING_MOST];
    zp_file_setting(root, path, text);
    const char *start = strchr(text, '[');
    size_t length = start != NULL ? strcspn(start + 1, "]") : 0;
    if (length > 0)
        memcpy(word, start + 1, length);
    word[length] = '\0';
}

#define HUGE_FOLDER "/sys/kernel/mm/transparent_hugepage"

static void find_huge_pages(struct zp_findings *findings)
{
    char mode[ZP_SETTING_MOST];
    chosen(findings->root, HUGE_FOLDER "/enabled", mode);
    bool refused = findings->machine.huge_refused;
    if (findings->machine.huge_too_large) {
        zp_found(findings, "huge pages", "huge_pages", ZP_FINE,
                 "not used: they are larger than 2 MiB, and so are small pages than 4 KiB");
        return;
    }
    bool none = mode[0] == '\0' || strcmp(mode, "never") == 0;
    struct zp_finding *finding =
        zp_found(findings, "huge pages", "huge_pages", none || refused ? ZP_COSTS : ZP_FINE, "%s%s",
                 mode[0] != '\0' ? mode : "the kernel has none",
                 refused ? ", and switched off for this process (PR_SET_THP_DISABLE)" : "");
    if (!none && !refused)
        return;
    finding->cost =
        "memory comes in pages of 4 KiB: 512 page faults instead of one, for every 2 MiB "
        "that are touched the first time";
    finding->advice = refused ? "start the program from a parent that leaves huge pages on"
                              : "echo madvise >" HUGE_FOLDER "/enabled";
}

static void find_defrag(struct zp_findings *findings)
{
    char mode[ZP_SETTING_MOST];
    chosen(findings->root, HUGE_FOLDER "/defrag", mode);
    if (mode[0] == '\0')
        return;
    bool waits = strcmp(mode, "always") == 0;
    bool never = strcmp(mode, "never") == 0;
    struct zp_finding *finding = zp_found(findings, "defragmentation", "huge_pages_defrag",
                                          waits || never ? ZP_NOTE : ZP_FINE, "%s", mode);
    if (waits)
        finding->cost =
            "the first touch of a buffer may wait while the kernel moves memory together; "
            "the library notices that, and then does without huge pages for a while";
    if (never)
        finding->cost = "where memory is in pieces there are no huge pages, and nobody makes any";
    if (waits || never)
        finding->advice = "echo defer+madvise >" HUGE_FOLDER "/defrag";
}

void zp_find_memory(struct zp_findings *findings)
{
    find_cpus(findings);
    find_memory(findings);
    find_group(findings);
    find_pressure(findings);
    find_overcommit(findings);
    find_mappings(findings);
    find_addresses(findings);
    find_limit(findings, "data segment", "data_limit", RLIMIT_DATA,
               "live and pooled buffers count as data: beyond the limit requests fail",
               "ulimit -d unlimited");
    find_huge_pages(findings);
    find_defrag(findings);
}
