// SPDX-License-Identifier: MIT OR Apache-2.0

#include "resize.h"

#include "commit.h"
#include "os.h"
#include "pin.h"
#include "quota.h"
#include "reserved.h"
#include "retain.h"

#include <string.h>

// ---- In place --------------------------------------------------------------------------------

// What was the owner's has been written to: it is not a tail to be kept. A part of less than a
// quarter is not worth the calls to give it back and fetch it again. If the kernel does not take
// it, the program keeps it.
static void shrink(struct zp_slot *slot, size_t size)
{
    size_t tail = zp_slot_tail(slot);
    if (size > slot->usable - slot->usable / 4 ||
        zp_commit_trim(slot, zp_round_up(size, zp_arena.page)) != 0)
        return;
    zp_quota_end_tail(slot->pool, tail);
    slot->usable = slot->committed;
}

static bool grow(struct zp_slot *slot, size_t size)
{
    size_t before = zp_slot_tail(slot);
    if (size > zp_arena_capacity(slot) || zp_commit(slot, size) != 0)
        return false;
    slot->usable = zp_round_up(size, zp_arena.page);
    zp_quota_end_tail(slot->pool, before - zp_slot_tail(slot));
    return true;
}

bool zp_resize(struct zp_slot *slot, size_t size)
{
    size_t bytes = zp_slot_offset(slot) + size;
    if (bytes > slot->usable)
        return grow(slot, bytes);
    shrink(slot, bytes);
    return true;
}

// ---- To another slot -------------------------------------------------------------------------

// An empty slot for a growing buffer. What has grown once will grow again: addresses for twice the
// size cost nothing and make every second step one in place.
static struct zp_slot *take_for_growth(unsigned pool, size_t size)
{
    struct zp_slot *slot = NULL;
    if (size <= ZP_CLASS_MAX / 2)
        slot = zp_retain_take_cold(pool, 2 * size);
    if (slot == NULL && size <= ZP_CLASS_MAX)
        slot = zp_retain_take_cold(pool, size);
    return slot;
}

// Moves the pages mapping by mapping. On failure those moved already are copied back: their old
// place is still mapped, so that cannot fail.
static int move_pages(const struct zp_slot *from, const struct zp_slot *to)
{
    size_t start = 0;
    for (unsigned i = 0; i <= from->seam_count; i++) {
        size_t end = i < from->seam_count ? from->seams[i] * zp_arena.page : from->committed;
        int error = zp_os_move(from->base + start, end - start, to->base + start);
        if (error != 0) {
            memcpy(from->base, to->base, start);
            return error;
        }
        start = end;
    }
    return 0;
}

// Reserved huge pages cannot be moved, nor replaced in part, and a copy may get some of its own.
// A target that is accessible already keeps its own mapping: moving into it would need care for
// nothing, as it is rare (commit.h: a decommit that the kernel had no mapping for).
static bool may_move(const struct zp_slot *from, const struct zp_slot *to, size_t size)
{
    return size >= from->committed && !zp_reserved_is_on() && from->mapping == ZP_MAPPING_PLAIN &&
           from->seam_count < ZP_SLOT_SEAMS && to->committed == 0 && !to->packed;
}

// `to` is given all of its memory first, also what the pages that move in will replace: a move that
// fails half-way leaves a slot that is what its record says.
static bool move(struct zp_slot *from, struct zp_slot *to, size_t size)
{
    to->huge = from->huge;
    to->group = from->group;
    if (!may_move(from, to, size) || zp_commit(to, size) != 0) {
        zp_arena_put_back(to);
        return false;
    }
    // Locked pages that are moved count twice for the kernel from then on (seen with Linux 6.18).
    bool pinned = from->pinned;
    zp_pin_release(from);
    if (move_pages(from, to) != 0) {
        zp_decommit(to);
        if (pinned)
            zp_pin(from);
        return false;
    }
    to->usable = to->committed;
    to->epoch = from->epoch;
    to->warm = from->warm;
    zp_commit_add_seams(to, from);
    if (pinned || to->pinned)
        zp_pin_again(to);
    return true;
}

struct zp_slot *zp_resize_move(struct zp_slot *slot, size_t size)
{
    size_t offset = zp_slot_offset(slot);
    struct zp_slot *to = take_for_growth(slot->pool, offset + size);
    if (to == NULL || !move(slot, to, offset + size))
        return NULL;
    to->start = to->base + offset;
    zp_slot_step(slot, ZP_SLOT_TAKEN);
    zp_retain_drop(slot);
    return to;
}
