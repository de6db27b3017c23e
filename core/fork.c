// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fork.h"

#include "budget.h"
#include "helper.h"
#include "os.h"
#include "pool.h"
#include "quarantine.h"
#include "scrub_queue.h"
#include "shard.h"

// ---- Runs ------------------------------------------------------------------------------------

// Slots of one region that follow each other and are all to be treated alike.
struct run {
    struct zp_slot *first, *last;
    void (*finish)(const struct run *run);
};

static struct run run; // fork is done by one thread at a time: it holds all locks

static char *run_end(void)
{
    return run.last->base + run.last->committed;
}

static void finish_run(void)
{
    if (run.first != NULL)
        run.finish(&run);
    run.first = NULL;
}

// Slots come in the order of their addresses.
static void add_to_run(struct zp_slot *slot)
{
    if (run.first != NULL && slot == run.last + 1 && slot->size_class == run.last->size_class) {
        run.last = slot;
        return;
    }
    finish_run();
    run.first = run.last = slot;
}

static void visit_runs(void (*choose)(struct zp_slot *slot), void (*finish)(const struct run *run))
{
    run.finish = finish;
    zp_arena_visit(choose);
    finish_run();
}

// These look at slots that other threads own. The states asked for come and go only under locks
// that are all held here, so whatever else is written meanwhile, the answer is right.

ZP_RACY static bool is_ours(const struct zp_slot *slot)
{
    return slot->state == ZP_SLOT_POOLED || slot->state == ZP_SLOT_PENDING ||
           slot->state == ZP_SLOT_QUARANTINED;
}

ZP_RACY static void choose_ours(struct zp_slot *slot)
{
    if (is_ours(slot))
        add_to_run(slot);
}

// A thread that took what an earlier fork could not bring back is about to decommit it.
ZP_RACY static void choose_ours_left_out(struct zp_slot *slot)
{
    if (is_ours(slot) && slot->left_out)
        add_to_run(slot);
}

ZP_RACY static void choose_left_out(struct zp_slot *slot)
{
    if (slot->left_out)
        add_to_run(slot);
}

// Both before and after a fork: what there was before it is old at once, and what was handed out
// between the two, to other threads or to the fork handlers of other libraries, is so afterwards.
enum { EPOCHS_PER_FORK = 2 };

static void next_epoch(void)
{
    __atomic_fetch_add(&zp_epoch, 1, __ATOMIC_RELAXED);
}

// ---- Before ----------------------------------------------------------------------------------

static void leave_out(const struct run *ours)
{
    char *start = ours->first->base;
    size_t length = (size_t)(run_end() - start);
    // If it fails, part of the run may be marked; only if that cannot be undone it counts as left
    // out.
    if (zp_os_advise(start, length, MADV_DONTFORK) != 0 &&
        zp_os_advise(start, length, MADV_DOFORK) == 0)
        return;
    for (struct zp_slot *slot = ours->first; slot <= ours->last; slot++)
        slot->left_out = true;
}

void zp_fork_prepare(void)
{
    zp_pool_flush(); // this thread's own buffers become pooled and are left out with the others
    zp_helper_pause();
    zp_thread_caches_lock();
    zp_arena_lock_all();
    zp_shards_lock_all();
    zp_scrub_queue_lock();
    zp_quarantine_lock();
    next_epoch();
    visit_runs(choose_ours, leave_out);
    zp_lock_holds_all = true;
}

// ---- The parent ------------------------------------------------------------------------------

static void bring_back(const struct run *left_out)
{
    char *start = left_out->first->base;
    bool marked = zp_os_advise(start, (size_t)(run_end() - start), MADV_DOFORK) != 0;
    for (struct zp_slot *slot = left_out->first; slot <= left_out->last; slot++) {
        slot->left_out = marked; // if still marked, it is decommitted instead of used again
        // What an earlier fork has left shared still is.
        if (slot->epoch == zp_arena_epoch() - EPOCHS_PER_FORK)
            slot->epoch = zp_arena_epoch();
    }
}

void zp_fork_parent(void)
{
    next_epoch();
    zp_lock_holds_all = false;
    visit_runs(choose_ours_left_out, bring_back);
    zp_quarantine_unlock();
    zp_scrub_queue_unlock();
    zp_shards_unlock_all();
    zp_arena_unlock_all();
    zp_thread_caches_unlock();
    zp_helper_resume();
}

// ---- The child -------------------------------------------------------------------------------

// The addresses of slots that were left out are a hole: anything could be mapped there next.
static void fill_hole(const struct run *left_out)
{
    char *start = left_out->first->base;
    size_t length = (size_t)(run_end() - start);
    int error = zp_arena_close(start, length);
    for (struct zp_slot *slot = left_out->first; slot <= left_out->last; slot++)
        zp_arena_forget(slot, error == 0);
}

// A slot that a thread had in its hands or its cache when it ceased to exist, or that was pooled
// and could not be left out.
static void give_up_orphan(struct zp_slot *slot)
{
    slot->absent = slot->hot = false; // the child's shards know of none
    if (slot->state != ZP_SLOT_COLD && slot->state != ZP_SLOT_LIVE &&
        slot->state != ZP_SLOT_RETIRED)
        zp_arena_decommit(slot);
}

void zp_fork_child(void)
{
    next_epoch();
    zp_lock_holds_all = false;
    zp_helper_reset();
    zp_scrub_queue_reset();
    zp_quarantine_reset();
    zp_prewarm_reset();
    zp_shards_reset();
    zp_arena_reset_locks();
    zp_thread_caches_reset();
    zp_budget_init(zp_budget_limit());
    visit_runs(choose_left_out, fill_hole);
    zp_arena_visit(give_up_orphan);
}
