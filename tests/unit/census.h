// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What must hold when everything has been given back: no slot was lost on the way.

#ifndef ZP_TESTS_UNIT_CENSUS_H
#define ZP_TESTS_UNIT_CENSUS_H

#include "model.h"

struct model_census {
    unsigned states[ZP_SLOT_RETIRED + 1];
    uint32_t retired[ZP_REGION_COUNT];
};

static struct model_census model_census;

static inline void model_count_slot(struct zp_slot *slot)
{
    model_census.states[slot->state]++;
    model_census.retired[slot->region] += slot->state == ZP_SLOT_RETIRED;
    if (slot->state == ZP_SLOT_COLD)
        MUST(zp_slot_is_zero(slot));
}

// Gives everything back and checks that no slot was lost on the way.
static inline const struct model_census *model_finish(struct model *model)
{
    while (model->count > 0)
        model_put(model, model->count - 1);
    errno = MODEL_ERRNO;
    zp_pool_trim();
    model_check_whole(model);
    MUST(zp_budget_used() == 0);

    model_census = (struct model_census){0};
    zp_arena_visit(model_count_slot);
    MUST(model_census.states[ZP_SLOT_TAKEN] == 0);
    MUST(model_census.states[ZP_SLOT_LIVE] == 0);
    MUST(model_census.states[ZP_SLOT_CACHED] == 0);
    MUST(model_census.states[ZP_SLOT_POOLED] == 0);
    MUST(model_census.states[ZP_SLOT_QUARANTINED] == 0);

    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    MUST(stats.retained_bytes == 0 && stats.live_buffers == 0);
    return &model_census;
}

// Every slot that was ever used and not retired can still be had, and is zero; the pool must be
// empty.
static inline void model_use_every_slot(const struct model *model,
                                        const struct model_census *census)
{
    enum { MOST = 2 * MODEL_BUFFERS }; // used slots are had first, before those never used
    struct zp_slot *slots[MOST];
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++) {
        uint32_t expected = zp_arena.regions[r].limit - census->retired[r], got = 0;
        size_t size = zp_arena.regions[r].capacity;
        for (; expected != 0 && got < MOST && (slots[got] = zp_pool_get(size, unit_page())) != NULL;
             got++) {
            MUST(slots[got]->region == r);
            marks_check_none(slots[got]->base, 0, unit_page(), 1);
            marks_check_none(slots[got]->base, size - unit_page(), size, 1);
        }
        bool always_alone = !zp_arena.regions[r].packed && zp_arena.regions[r].run == 0;
        if (expected != 0 && model->few && always_alone)
            MUST(got != 0);
        else
            MUST(got == (expected < MOST ? expected : MOST));
        for (uint32_t i = 0; i < got; i++)
            zp_pool_put(slots[i]->start);
        zp_pool_trim();
    }
}

// Every slot that was ever used is on a cold list or retired, which tells the same without using
// it.
static inline void model_find_every_slot(const struct model_census *census)
{
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++) {
        const struct zp_region_use *region = &zp_region_use[r];
        uint32_t cold = 0;
        for (unsigned packed = 0; packed < 2; packed++) {
            const struct zp_slot *slot = region->cold[packed];
            for (; slot != NULL; slot = slot->links[ZP_ORDER_CLASS].older) {
                MUST(slot->state == ZP_SLOT_COLD && slot->region == r);
                MUST(slot->packed == packed);
                MUST(++cold <= region->used);
            }
        }
        MUST(cold + census->retired[r] == region->used);
    }
}

#endif
