// SPDX-License-Identifier: MIT OR Apache-2.0

#include "scrub_team.h"

#include "os.h"
#include "team.h"
#include "usage.h"

// To wake a thread takes as long as scrubbing half a megabyte; to start one, as long as several.
#define SHARED_LEAST (2 * ZP_MIB)
#define CALL_UP_LEAST (32 * ZP_MIB)
#define PART (2 * ZP_MIB)

static ZP_FROZEN unsigned usable_cpus = 0;

void zp_scrub_team_init(unsigned cpus)
{
    usable_cpus = cpus;
}

void zp_scrub_team_call_up(const struct zp_slot *slot)
{
    if (ZP_UNLIKELY(usable_cpus > 1) && slot->committed >= CALL_UP_LEAST &&
        zp_scrub_team_is_for(slot))
        zp_team_call_up(zp_team_room(usable_cpus));
}

bool zp_scrub_team_is_for(const struct zp_slot *slot)
{
    return ZP_UNLIKELY(usable_cpus > 1) && slot->committed >= SHARED_LEAST &&
           zp_team_is_allowed() &&
           (slot->content == ZP_CONTENT_RESIDENT ||
            zp_usage_in_memory(slot->base, slot->committed));
}

// ---- Parts -----------------------------------------------------------------------------------

struct cleaning {
    struct zp_team_work work;
    const struct zp_slot *slot;
    int (*clean)(const struct zp_slot *slot, size_t at, size_t bytes,
                 struct zp_scrub_result *result);
    size_t next; // the first byte that nobody is at
    size_t written, kept, dropped;
    int error;
};

static bool join(struct zp_team_work *work)
{
    (void)work;
    return true;
}

static void add(size_t *sum, size_t bytes)
{
    __atomic_fetch_add(sum, bytes, __ATOMIC_RELAXED);
}

static bool clean_part(struct zp_team_work *work)
{
    struct cleaning *all = (struct cleaning *)work;
    size_t at = __atomic_fetch_add(&all->next, PART, __ATOMIC_RELAXED);
    if (at >= all->slot->committed)
        return false;
    size_t rest = all->slot->committed - at;
    struct zp_scrub_result result;
    int error = all->clean(all->slot, at, rest < PART ? rest : PART, &result);
    if (error != 0)
        __atomic_store_n(&all->error, error, __ATOMIC_RELAXED);
    add(&all->written, result.written);
    add(&all->kept, result.kept);
    add(&all->dropped, result.dropped);
    return true;
}

int zp_scrub_team_clean(const struct zp_slot *slot,
                        int (*clean)(const struct zp_slot *slot, size_t at, size_t bytes,
                                     struct zp_scrub_result *result),
                        struct zp_scrub_result *result)
{
    struct cleaning all = {.work = {join, clean_part}, .slot = slot, .clean = clean};
    uint32_t start = zp_os_stopwatch();
    struct zp_team_slot *open = zp_team_open_to_present(&all.work, zp_team_room(usable_cpus));
    while (clean_part(&all.work)) {
    }
    if (open != NULL)
        zp_team_close(open);
    *result = (struct zp_scrub_result){
        .written = all.written,
        .kept = all.kept,
        .dropped = all.dropped,
        .us = zp_os_stopwatch() - start,
    };
    return all.error;
}
