// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fill.h"

#include "commit.h"
#include "os.h"
#include "stall.h"

// Part of a buffer that must have been read into it until all of it is taken to be filled.
enum { FILLED_PART = 4 };

static bool could_be_filled(const struct zp_slot *slot)
{
    return slot->state == ZP_SLOT_LIVE && !slot->huge && slot->content != ZP_CONTENT_RESIDENT &&
           slot->mapping == ZP_MAPPING_PLAIN && zp_commit_can_be_huge(slot) &&
           slot->warm * zp_arena.page < slot->usable / 2;
}

// All of a buffer is to be written, first `bytes` at `to`: it gets huge pages if they come fast.
static void expect_all(struct zp_slot *slot, char *to, size_t bytes)
{
    if (!zp_stall_allows_huge())
        return;
    zp_commit_set_huge(slot, true);
    char *page = (char *)zp_round_up((uintptr_t)to, ZP_HUGE_PAGE);
    if (page + ZP_HUGE_PAGE <= to + bytes)
        zp_stall_populate(page, ZP_HUGE_PAGE, true);
}

void zp_fill_expect(char *to, size_t bytes, int fd, off_t offset)
{
    struct zp_slot *slot = zp_arena_slot(to);
    if (!could_be_filled(slot) || to >= slot->base + slot->usable)
        return;
    size_t room = (size_t)(slot->base + slot->usable - to), rest = zp_os_file_rest(fd, offset);
    bytes = bytes < room ? bytes : room;
    bytes = bytes < rest ? bytes : rest;
    size_t before = __atomic_fetch_add(&slot->filled, bytes, __ATOMIC_RELAXED);
    size_t wanted = slot->usable / FILLED_PART;
    if (before < wanted && before + bytes >= wanted) // one of those that read at once
        expect_all(slot, to, bytes);
}
