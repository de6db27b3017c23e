// SPDX-License-Identifier: MIT OR Apache-2.0

#include "survey.h"

#include "commit.h"

static void add_live(struct zp_class_stats *class, const struct zp_slot *slot, size_t committed)
{
    size_t usable = slot->usable, offset = (uintptr_t)slot->start % ZP_LEAST_PAGE;
    class->live++;
    class->live_bytes += committed;
    class->asked_bytes += usable > offset ? usable - offset : 0;
}

// Each word of the record is read once: its owner may change it between two reads.
static ZP_RACY void add(struct zp_pool_stats *stats, const struct zp_slot *slot)
{
    size_t committed = *(const volatile size_t *)&slot->committed;
    if (committed == 0)
        return;
    struct zp_class_stats *class = &stats->classes[zp_commit_class_of(committed)];
    switch (*(const volatile uint8_t *)&slot->state) {
    case ZP_SLOT_LIVE:
        add_live(class, slot, committed);
        break;
    case ZP_SLOT_CACHED:
        class->cached++;
        break;
    case ZP_SLOT_POOLED:
        class->pooled++;
        break;
    default:
        class->waiting++;
    }
    if (slot->huge && !slot->packed && committed >= ZP_HUGE_PAGE)
        stats->huge_bytes += committed;
}

void zp_survey(struct zp_pool_stats *stats)
{
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++) {
        size_t peak;
        stats->classes[i] =
            (struct zp_class_stats){.committed_bytes = zp_commit_bytes_of(i, &peak)};
        stats->classes[i].peak_bytes = peak;
    }
    stats->huge_bytes = 0;
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++) {
        uint32_t used = __atomic_load_n(&zp_region_use[r].used, __ATOMIC_RELAXED);
        for (uint32_t i = 0; i < used; i++)
            add(stats, &zp_arena.regions[r].slots[i]);
    }
}
