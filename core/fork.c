// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fork.h"

#include "budget.h"
#include "os.h"
#include "pool.h"
#include "shard.h"

static void wipe_in_child(struct zp_slot *slot)
{
    if (!slot->wiped)
        slot->wiped = zp_os_advise(slot->base, slot->committed, MADV_WIPEONFORK) == 0;
}

void zp_fork_prepare(void)
{
    // This thread's own buffers become pooled, so that they are marked with the others.
    zp_pool_flush();
    zp_thread_caches_lock();
    zp_arena_lock_all();
    zp_shards_lock_all();
    __atomic_fetch_add(&zp_pool.epoch, 1, __ATOMIC_RELAXED);
    zp_shards_visit_locked(wipe_in_child);
    zp_lock_holds_all = true;
}

void zp_fork_parent(void)
{
    zp_lock_holds_all = false;
    zp_shards_unlock_all();
    zp_arena_unlock_all();
    zp_thread_caches_unlock();
}

// A slot that a thread had in its hands or its cache when it ceased to exist.
static void give_up_orphan(struct zp_slot *slot)
{
    if (slot->state == ZP_SLOT_CACHED || slot->state == ZP_SLOT_TAKEN)
        zp_arena_decommit(slot);
}

void zp_fork_child(void)
{
    zp_lock_holds_all = false;
    zp_shards_reset_locks();
    zp_arena_reset_locks();
    zp_thread_caches_reset();
    // Fork handlers of others may have put buffers since prepare: into the pool with them too.
    zp_pool_flush();
    zp_arena_visit(give_up_orphan);
    zp_budget_init(zp_budget_limit());
    zp_budget_charge(zp_shards_bytes());
}
