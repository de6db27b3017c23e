// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fork.h"

#include "commit.h"
#include "decay.h"
#include "held.h"
#include "helper.h"
#include "libc.h"
#include "os.h"
#include "pin.h"
#include "pool_own.h"
#include "prewarm.h"
#include "profile.h"
#include "quarantine.h"
#include "quota.h"
#include "read.h"
#include "reserved.h"
#include "scrub_queue.h"
#include "shard.h"
#include "spawn.h"
#include "stall.h"
#include "team.h"
#include "timeline.h"

#include <string.h>

// Excluding a run from the child costs as much as copying so many pages (decision 9).
enum { PAGES_WORTH_A_MARK = 64 };

// The epoch changes before and after a fork: what existed before is old at once, and what other
// threads were handed out in between is old afterwards (tests/model/fork.pml).
enum { EPOCHS_PER_FORK = 2 };

// About the fork under way in this thread.
static ZP_TLS bool whole;           // the pool has started, and was not interrupted
static ZP_TLS bool alone;           // there is no other thread
static ZP_TLS bool started, paused; // the pool, the helper

static void next_epoch(void)
{
    __atomic_fetch_add(&zp_epoch, 1, __ATOMIC_RELAXED);
}

// ---- Retained slots --------------------------------------------------------------------------

// Neighbouring slots of one region that are all treated alike.
struct run {
    struct zp_slot *first, *last;
};

static char *run_end(const struct run *run)
{
    return run->last->base + run->last->committed;
}

static size_t run_length(const struct run *run)
{
    return (size_t)(run_end(run) - run->first->base);
}

// The thread that forks holds all locks, so there is one visit at a time.
static struct {
    bool (*belongs)(const struct zp_slot *slot);
    void (*finish)(const struct run *run);
} visit;

// The first slot of a run finds the others by their records, so the order of the visit is free.
static void visit_first(struct zp_slot *slot)
{
    const struct zp_slot *before = zp_arena_before(slot);
    if (!visit.belongs(slot) || (before != NULL && visit.belongs(before)))
        return;
    struct run run = {slot, slot};
    struct zp_slot *next = zp_arena_behind(slot);
    for (; next != NULL && visit.belongs(next); next = zp_arena_behind(next))
        run.last = next;
    visit.finish(&run);
}

static void visit_waiting(void (*visit_slot)(struct zp_slot *slot))
{
    zp_scrub_queue_visit(visit_slot);
    zp_quarantine_visit(visit_slot);
    zp_prewarm_visit(visit_slot);
}

static void visit_runs(bool (*belongs)(const struct zp_slot *slot),
                       void (*finish)(const struct run *run))
{
    visit.belongs = belongs;
    visit.finish = finish;
    zp_shards_visit(visit_first);
    visit_waiting(visit_first);
}

// These read slots that other threads own. The states in question change only under locks that are
// all held here, so the answer is right whatever else is written meanwhile.

ZP_RACY static bool is_retained(const struct zp_slot *slot)
{
    return slot->state == ZP_SLOT_POOLED || slot->state == ZP_SLOT_PENDING ||
           slot->state == ZP_SLOT_QUARANTINED;
}

// A TAKEN slot may be excluded, too: a thread that took what an earlier fork could not bring back
// is about to decommit it.
ZP_RACY static bool is_excluded(const struct zp_slot *slot)
{
    return is_retained(slot) && slot->mapping == ZP_MAPPING_DONTFORK;
}

// ---- Before ----------------------------------------------------------------------------------

// zp_no_cache is shared: it says nothing about this thread unless there is no other.
bool zp_fork_is_inside(void)
{
    const struct zp_thread_cache *cache = zp_thread_cache;
    if (cache == &zp_no_cache && !zp_is_single_threaded())
        cache = NULL;
    bool inside = zp_locks_held != 0;
    for (; cache != NULL && !inside; cache = cache->next_own)
        inside = __atomic_load_n(&cache->inside, __ATOMIC_RELAXED);
    return inside;
}

void zp_fork_begin(bool interrupted)
{
    started = __atomic_load_n(&zp_pool.started, __ATOMIC_ACQUIRE);
    whole = started && !zp_fork_is_inside();
    alone = zp_is_single_threaded();
    if (whole)
        zp_pool_flush(); // this thread's buffers become pooled and are excluded with the others
    paused = started && (!interrupted || zp_helper_try_pause());
    if (started && !interrupted)
        zp_helper_pause();
}

// Pages that a slot may have: what is known of a pooled one, all of one that waits for the helper.
static size_t pages_of(const struct zp_slot *slot)
{
    if (slot->state != ZP_SLOT_POOLED || slot->content != ZP_CONTENT_ZERO)
        return slot->committed / zp_arena.page;
    return slot->warm;
}

static bool is_worth_a_mark(const struct run *run)
{
    size_t pages = 0;
    for (const struct zp_slot *slot = run->first; slot <= run->last; slot++)
        pages += pages_of(slot);
    return pages >= PAGES_WORTH_A_MARK;
}

static void exclude(const struct run *run)
{
    if (!is_worth_a_mark(run))
        return;
    // If it fails, part of the run may be excluded; it counts as such only if that cannot be
    // undone.
    if (zp_os_advise(run->first->base, run_length(run), MADV_DONTFORK) != 0 &&
        zp_os_advise(run->first->base, run_length(run), MADV_DOFORK) == 0)
        return;
    for (struct zp_slot *slot = run->first; slot <= run->last; slot++)
        slot->mapping = ZP_MAPPING_DONTFORK;
}

// What `mapping` of a retained slot was before it was excluded.
static enum zp_mapping mapping_before(const struct zp_slot *slot)
{
    return slot->state == ZP_SLOT_QUARANTINED ? ZP_MAPPING_CHANGED : ZP_MAPPING_PLAIN;
}

void zp_fork_prepare(void)
{
    zp_held_before_fork();
    if (whole) {
        zp_pools_lock();
        zp_thread_caches_lock();
        zp_arena_lock_all();
        zp_shards_lock_all();
        zp_scrub_queue_lock();
        zp_quarantine_lock();
        zp_profile_lock();
    }
    if (whole)
        zp_reserved_before_fork();
    next_epoch();
    if (whole)
        visit_runs(is_retained, exclude);
}

// ---- The parent ------------------------------------------------------------------------------

static void bring_back(const struct run *run)
{
    // If it could not be undone, the slot will be decommitted instead of used.
    bool undone = zp_os_advise(run->first->base, run_length(run), MADV_DOFORK) == 0;
    for (struct zp_slot *slot = run->first; slot <= run->last; slot++) {
        if (undone)
            slot->mapping = (uint8_t)mapping_before(slot);
        // Pages that an earlier fork left shared still are.
        if (slot->epoch == zp_arena_epoch() - EPOCHS_PER_FORK)
            slot->epoch = zp_arena_epoch();
    }
}

void zp_fork_parent(void)
{
    next_epoch();
    zp_held_after_fork();
    if (whole) {
        zp_reserved_in_parent();
        visit_runs(is_excluded, bring_back);
        zp_profile_unlock();
        zp_quarantine_unlock();
        zp_scrub_queue_unlock();
        zp_shards_unlock_all();
        zp_arena_unlock_all();
        zp_thread_caches_unlock();
        zp_pools_unlock();
    }
    if (paused)
        zp_helper_resume();
}

// ---- The child -------------------------------------------------------------------------------

// The addresses of excluded slots are holes, where anything could be mapped next.
static void fill_hole(const struct run *run)
{
    bool reserved = zp_arena_close(run->first->base, run_length(run)) == 0;
    for (struct zp_slot *slot = run->first; slot <= run->last; slot++) {
        zp_budget_convert_tail(zp_slot_tail(slot));
        if (slot->state == ZP_SLOT_POOLED)
            zp_shards_remove(slot);
        else if (slot->state != ZP_SLOT_TAKEN)
            zp_slot_step(slot, ZP_SLOT_TAKEN);
        zp_commit_forget(slot, reserved);
    }
}

static void give_up(struct zp_slot *slot)
{
    zp_budget_convert_tail(zp_slot_tail(slot));
    if (slot->state != ZP_SLOT_TAKEN)
        zp_slot_step(slot, ZP_SLOT_TAKEN);
    zp_decommit(slot);
}

static void give_up_waiting(struct zp_slot *slot)
{
    if (is_retained(slot)) // else fill_hole has dealt with it
        give_up(slot);
}

// A slot that a thread which the child does not have was working on, or had in its cache.
static void give_up_orphan(struct zp_slot *slot)
{
    if (slot->state != ZP_SLOT_TAKEN && slot->state != ZP_SLOT_CACHED)
        return;
    if (slot->mapping == ZP_MAPPING_DONTFORK)
        fill_hole(&(struct run){slot, slot});
    else
        give_up(slot);
}

// Threads that the child does not have may have been about to charge a tail, or to end one: so the
// child counts the tails by its records.
static size_t live_tails[ZP_POOLS_MOST];

static void visit_record(struct zp_slot *slot)
{
    if (slot->state == ZP_SLOT_LIVE)
        live_tails[slot->pool] += zp_slot_tail(slot);
    else
        give_up_orphan(slot);
}

static void count_retained(void)
{
    size_t tails = zp_budget_tails();
    if (!alone || zp_pools_count() > 1) {
        memset(live_tails, 0, sizeof(live_tails));
        zp_arena_visit(visit_record);
        tails = 0;
        for (unsigned pool = 0; pool < zp_pools_count(); pool++)
            tails += live_tails[pool];
    }
    zp_budget_restart(zp_shards_bytes(), tails);
    for (unsigned pool = 1; pool < zp_pools_count(); pool++)
        zp_quota_restart(pool, zp_shards_bytes_of(pool) + live_tails[pool]);
}

static void reset_locks(void)
{
    zp_lock_forget_all();
    zp_pools_reset_lock();
    zp_thread_caches_reset();
    zp_arena_reset_locks();
    zp_shards_reset_locks();
}

void zp_fork_child(void)
{
    next_epoch();
    if (paused)
        zp_helper_resume(); // releases its lock
    if (started)
        zp_helper_reset();
    zp_spawn_reset();
    zp_read_reset();
    zp_team_reset();
    zp_held_in_child();
    zp_decay_reset();
    zp_timeline_reset();
    zp_profile_reset(whole);
    if (!whole)
        return;
    reset_locks();
    zp_pool_own_reset();
    zp_pin_reset();
    zp_reserved_in_child();
    visit_runs(is_excluded, fill_hole);
    visit_waiting(give_up_waiting);
    zp_scrub_queue_reset();
    zp_quarantine_reset();
    zp_prewarm_reset();
    count_retained();
    zp_commit_restart();
    zp_stall_forget_fetched();
}
