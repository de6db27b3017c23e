// SPDX-License-Identifier: MIT OR Apache-2.0

#include "relocate.h"

#include "arena.h"
#include "os.h"

#include <errno.h>
#include <string.h>

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

static void hand_over(const struct zp_slot *from, struct zp_slot *to)
{
    to->epoch = from->epoch;
    to->warm = from->warm;
    zp_arena_add_seams(to, from);
}

int zp_relocate(struct zp_slot *from, struct zp_slot *to, size_t bytes)
{
    // A target that is accessible already keeps its own mapping: moving into it would need care
    // for nothing, as it is rare (arena.h: a decommit the kernel had no mapping for).
    if (from->marked || from->seam_count == ZP_SLOT_SEAMS || to->committed != 0 || to->packed) {
        zp_arena_put_back(to);
        return -ENOTSUP;
    }
    to->huge = from->huge;
    // All of it, also what the pages that move in will replace: a move that fails half-way leaves a
    // slot that is what its record says.
    int error = zp_arena_commit(to, bytes);
    if (error != 0) {
        zp_arena_put_back(to);
        return error;
    }
    error = move_pages(from, to);
    if (error != 0) {
        zp_arena_decommit(to);
        return error;
    }
    hand_over(from, to);
    zp_arena_decommit(from);
    return 0;
}
