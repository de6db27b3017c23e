// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pin.h"

#include "os.h"
#include "pools.h"

static ZP_FROZEN bool is_on = false;

static struct {
    size_t bytes;
    size_t most; // more than this the kernel has refused to lock
    uint64_t refused;
} pin = {.most = SIZE_MAX};

void zp_pin_init(bool on)
{
    is_on = on;
}

bool zp_pin_is_wanted(const struct zp_slot *slot)
{
    return is_on || (slot->pool != 0 && zp_pools[slot->pool].traits.pinned);
}

static size_t pinned_bytes(void)
{
    return __atomic_load_n(&pin.bytes, __ATOMIC_RELAXED);
}

static void note_refusal(size_t bytes)
{
    __atomic_fetch_add(&pin.refused, 1, __ATOMIC_RELAXED);
    size_t wanted = pinned_bytes() + bytes, most = __atomic_load_n(&pin.most, __ATOMIC_RELAXED);
    if (wanted <= most)
        __atomic_store_n(&pin.most, wanted - 1, __ATOMIC_RELAXED);
}

// What was refused is not asked for again, so that it costs no system call.
static bool seems_allowed(size_t bytes)
{
    return pinned_bytes() + bytes <= __atomic_load_n(&pin.most, __ATOMIC_RELAXED);
}

void zp_pin(struct zp_slot *slot)
{
    if (slot->pinned || slot->committed == 0)
        return;
    bool allowed = seems_allowed(slot->committed);
    if (allowed && zp_os_lock(slot->base, slot->committed) == 0) {
        slot->pinned = true;
        __atomic_fetch_add(&pin.bytes, slot->committed, __ATOMIC_RELAXED);
        return;
    }
    if (allowed) // a part may be locked
        zp_os_unlock(slot->base, slot->committed);
    note_refusal(slot->committed);
}

void zp_pin_again(struct zp_slot *slot)
{
    zp_pin_note_size(slot, 0);
    zp_pin(slot);
    if (!slot->pinned)
        zp_os_unlock(slot->base, slot->committed);
}

void zp_pin_release(struct zp_slot *slot)
{
    if (!slot->pinned)
        return;
    zp_os_unlock(slot->base, slot->committed);
    zp_pin_note_size(slot, 0);
}

void zp_pin_unlock_tail(const struct zp_slot *slot, size_t keep)
{
    if (slot->pinned)
        zp_os_unlock(slot->base + keep, slot->committed - keep);
}

void zp_pin_note_size(struct zp_slot *slot, size_t bytes)
{
    if (!slot->pinned)
        return;
    __atomic_fetch_add(&pin.bytes, bytes - slot->committed, __ATOMIC_RELAXED);
    slot->pinned = bytes != 0;
}

struct zp_pin_counts zp_pin_counts(void)
{
    return (struct zp_pin_counts){pinned_bytes(), __atomic_load_n(&pin.refused, __ATOMIC_RELAXED)};
}

static void forget(struct zp_slot *slot)
{
    slot->pinned = false;
}

void zp_pin_reset(void)
{
    if (pin.bytes != 0)
        zp_arena_visit(forget);
    pin.bytes = 0;
    pin.refused = 0;
    pin.most = SIZE_MAX;
}
