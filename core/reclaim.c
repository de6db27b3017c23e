// SPDX-License-Identifier: MIT OR Apache-2.0

#include "reclaim.h"

#include "budget.h"
#include "commit.h"
#include "pin.h"
#include "shard.h"

#include <errno.h>

// A thread's cache may hold this part of what may be retained without being reclaimable.
enum { CACHE_SHARE = 16 };

// A buffer becomes reclaimable in steps of at least so many bytes: a fraction of a millisecond in
// small pages. The record counts up to STEPS_MOST of them.
#define STEP (8 * ZP_MIB)
enum { STEPS_MOST = ZP_RECLAIMABLE_ALL - ZP_RECLAIMABLE_HUGE };

static struct {
    bool on;     // as configured, and the kernel can
    bool proven; // the kernel knows the advice
    size_t unmarked;
} reclaim;

static void set_on(bool on)
{
    __atomic_store_n(&reclaim.on, on, __ATOMIC_RELAXED);
}

void zp_reclaim_init(bool enabled, size_t unmarked)
{
    set_on(enabled);
    zp_reclaim_set_unmarked(unmarked);
}

void zp_reclaim_set_unmarked(size_t unmarked)
{
    __atomic_store_n(&reclaim.unmarked, unmarked, __ATOMIC_RELAXED);
}

bool zp_reclaim_is_on(void)
{
    return __atomic_load_n(&reclaim.on, __ATOMIC_RELAXED);
}

size_t zp_reclaim_unmarked(void)
{
    return __atomic_load_n(&reclaim.unmarked, __ATOMIC_RELAXED);
}

bool zp_reclaim_is_tight(void)
{
    size_t unmarked = zp_reclaim_unmarked();
    return zp_budget_taken() > unmarked && zp_reclaim_is_on() && zp_budget_used() > unmarked;
}

size_t zp_reclaim_cache_share(void)
{
    return zp_reclaim_unmarked() / CACHE_SHARE;
}

// ---- The advice ------------------------------------------------------------------------------

// Whether the kernel knows the advice (Linux 4.5): tried once, on fresh memory.
static bool kernel_knows(void)
{
    if (__atomic_load_n(&reclaim.proven, __ATOMIC_RELAXED))
        return true;
    void *fresh;
    size_t page = zp_os_page_size();
    if (zp_os_map(page, PROT_READ | PROT_WRITE, &fresh) != 0)
        return true; // cannot be found out now
    bool knows = zp_os_advise(fresh, page, MADV_FREE) == 0;
    zp_os_unmap(fresh, page);
    if (knows)
        __atomic_store_n(&reclaim.proven, true, __ATOMIC_RELAXED);
    return knows;
}

// False if the kernel refused. EINVAL may concern this buffer alone; any other error, from an old
// kernel or a filter, concerns all. Then memory still goes back by decay.
static bool advise(char *from, size_t bytes)
{
    int error = zp_os_advise(from, bytes, MADV_FREE);
    if (error != 0 && (error != -EINVAL || !kernel_knows()))
        set_on(false);
    return error == 0;
}

// A pinned buffer is not reclaimable, and stays pinned as long as that fills no memory group. Nor
// are reserved huge pages, which count in none.
static bool stays(struct zp_slot *slot)
{
    if (ZP_UNLIKELY(slot->reserved))
        return true;
    if (ZP_UNLIKELY(slot->pinned) && zp_reclaim_is_tight())
        zp_pin_release(slot);
    return slot->pinned;
}

// Gives the advice for one more step; true if that was the last.
static bool mark_step(struct zp_slot *slot)
{
    size_t step = zp_round_up(slot->committed / STEPS_MOST + 1, zp_arena.page);
    if (step < STEP)
        step = STEP;
    unsigned done =
        slot->reclaimable > ZP_RECLAIMABLE_HUGE ? slot->reclaimable - ZP_RECLAIMABLE_HUGE : 0;
    size_t at = done * step;
    if (at >= slot->committed || slot->reclaimable == ZP_RECLAIMABLE_ALL)
        return true;
    size_t rest = slot->committed - at, bytes = rest < step ? rest : step;
    return !advise(slot->base + at, bytes) || bytes == rest;
}

static void mark_part(struct zp_slot *slot)
{
    size_t bytes = slot->committed & ~(ZP_HUGE_PAGE - 1);
    if (bytes != 0 && slot->reclaimable == ZP_RECLAIMABLE_NONE && advise(slot->base, bytes))
        slot->reclaimable = ZP_RECLAIMABLE_HUGE;
}

void zp_reclaim_whole(struct zp_slot *slot)
{
    if (zp_reclaim_is_on() && slot->reclaimable != ZP_RECLAIMABLE_ALL && !stays(slot) &&
        advise(slot->base, slot->committed))
        slot->reclaimable = ZP_RECLAIMABLE_ALL;
}

void zp_reclaim_enter(struct zp_slot *slot)
{
    if (zp_slot_is_empty(slot) || !zp_reclaim_is_on() || stays(slot))
        return;
    if (zp_reclaim_is_tight())
        zp_reclaim_whole(slot);
    else if (zp_commit_is_huge(slot))
        mark_part(slot);
}

// True if the slot is reclaimable as far as it can be.
static bool mark_in_steps(struct zp_slot *slot, const struct zp_os_span *span)
{
    do {
        if (stays(slot) || mark_step(slot)) {
            if (zp_reclaim_is_on())
                slot->reclaimable = ZP_RECLAIMABLE_ALL;
            return true;
        }
        if (slot->reclaimable == ZP_RECLAIMABLE_NONE)
            slot->reclaimable = ZP_RECLAIMABLE_HUGE;
        slot->reclaimable++;
    } while (!zp_os_is_over(span));
    return false;
}

bool zp_reclaim_idle(unsigned home, uint32_t idle, const struct zp_os_span *span)
{
    struct zp_slot *slot;
    while (zp_reclaim_is_on() && (slot = zp_shards_take_unreclaimable(home, idle)) != NULL) {
        bool all = mark_in_steps(slot, span);
        zp_shards_put_reclaimable(slot);
        if (!all || zp_os_is_over(span))
            return true;
    }
    return false;
}
