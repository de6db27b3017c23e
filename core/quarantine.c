// SPDX-License-Identifier: MIT OR Apache-2.0

#include "quarantine.h"

#include "list.h"
#include "lock.h"
#include "os.h"

static ZP_FROZEN size_t most = 0;

static struct {
    struct zp_lock lock;
    size_t bytes;          // may be read without the lock
    struct zp_list queued; // by ZP_ORDER_ARRIVAL
} quarantine;

void zp_quarantine_init(size_t bytes)
{
    zp_lock_init(&quarantine.lock, ZP_RANK_QUARANTINE);
    most = bytes;
}

static void set_bytes(size_t bytes)
{
    __atomic_store_n(&quarantine.bytes, bytes, __ATOMIC_RELAXED);
}

size_t zp_quarantine_bytes(void)
{
    return __atomic_load_n(&quarantine.bytes, __ATOMIC_RELAXED);
}

static void put_behind(struct zp_slot *older, struct zp_slot *slot)
{
    zp_slot_step(slot, ZP_SLOT_QUARANTINED);
    zp_list_insert(&quarantine.queued, ZP_ORDER_ARRIVAL, older, slot);
    set_bytes(quarantine.bytes + slot->usable);
}

void zp_quarantine_put(struct zp_slot *slot)
{
    zp_lock_take(&quarantine.lock);
    put_behind(quarantine.queued.newest, slot);
    zp_lock_release(&quarantine.lock);
}

void zp_quarantine_put_back(struct zp_slot *slot)
{
    zp_lock_take(&quarantine.lock);
    put_behind(NULL, slot);
    zp_lock_release(&quarantine.lock);
}

// The oldest, if more than `bytes` wait and it has been there for so long.
static struct zp_slot *take_oldest(size_t bytes, uint32_t idle)
{
    if (zp_quarantine_bytes() <= bytes)
        return NULL;
    uint32_t now = zp_os_clock();
    zp_lock_take(&quarantine.lock);
    struct zp_slot *slot = quarantine.bytes > bytes ? quarantine.queued.oldest : NULL;
    if (slot != NULL && idle != 0 && now - slot->since < idle)
        slot = NULL;
    if (slot != NULL) {
        zp_list_remove(&quarantine.queued, ZP_ORDER_ARRIVAL, slot);
        set_bytes(quarantine.bytes - slot->usable);
        zp_slot_step(slot, ZP_SLOT_TAKEN);
    }
    zp_lock_release(&quarantine.lock);
    return slot;
}

struct zp_slot *zp_quarantine_take_surplus(void)
{
    return take_oldest(most, 0);
}

struct zp_slot *zp_quarantine_take_idle(uint32_t idle)
{
    return take_oldest(0, idle);
}

struct zp_slot *zp_quarantine_take(void)
{
    return take_oldest(0, 0);
}

void zp_quarantine_lock(void)
{
    zp_lock_take(&quarantine.lock);
}

void zp_quarantine_unlock(void)
{
    zp_lock_release(&quarantine.lock);
}

void zp_quarantine_visit(void (*visit)(struct zp_slot *slot))
{
    zp_list_visit(&quarantine.queued, ZP_ORDER_ARRIVAL, visit);
}

void zp_quarantine_reset(void)
{
    zp_lock_reset(&quarantine.lock);
    set_bytes(0);
    quarantine.queued = (struct zp_list){NULL, NULL};
}
