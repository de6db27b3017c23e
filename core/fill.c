// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fill.h"

#include "commit.h"
#include "os.h"
#include "stall.h"

// Part of a buffer that must have been read into it until all of it is taken to be filled.
enum { FILLED_PART = 4 };

// Whether at most half of a buffer was in memory when it was handed out.
static bool was_mostly_absent(const struct zp_slot *slot)
{
    return slot->content != ZP_CONTENT_RESIDENT && slot->warm * zp_arena.page < slot->usable / 2;
}

// Whether a buffer is in small pages that are to be fetched.
static bool is_to_be_fetched(const struct zp_slot *slot)
{
    return slot->state == ZP_SLOT_LIVE && !slot->huge && was_mostly_absent(slot) &&
           slot->mapping == ZP_MAPPING_PLAIN &&
           __atomic_load_n(&slot->filled, __ATOMIC_RELAXED) < slot->usable;
}

bool zp_fill_comes_huge(const struct zp_slot *slot)
{
    return zp_commit_is_huge(slot) && was_mostly_absent(slot);
}

// All of a buffer is to be written, first `bytes` at `to`: it gets huge pages if they come fast.
static bool make_huge(struct zp_slot *slot, char *to, size_t bytes)
{
    if (!zp_commit_can_be_huge(slot) || !zp_stall_allows_huge())
        return false;
    zp_commit_set_huge(slot, true);
    char *page = (char *)zp_round_up((uintptr_t)to, ZP_HUGE_PAGE);
    if (page + ZP_HUGE_PAGE <= to + bytes && zp_stall_is_due())
        zp_stall_populate(page, ZP_HUGE_PAGE, true);
    return true;
}

size_t zp_fill_expect(char *to, size_t bytes, int fd, off_t offset)
{
    struct zp_slot *slot = zp_arena_slot(to);
    if (!is_to_be_fetched(slot) || to >= slot->base + slot->usable)
        return 0;
    size_t room = (size_t)(slot->base + slot->usable - to), rest = zp_os_file_rest(fd, offset);
    bytes = bytes < room ? bytes : room;
    bytes = bytes < rest ? bytes : rest;
    size_t before = __atomic_fetch_add(&slot->filled, bytes, __ATOMIC_RELAXED);
    size_t wanted = slot->usable / FILLED_PART;
    bool decides = before < wanted && before + bytes >= wanted; // one of those that read at once
    return decides && make_huge(slot, to, bytes) ? 0 : bytes;
}

void zp_fill_fetch(char *to, size_t bytes)
{
    char *from = (char *)zp_round_up((uintptr_t)to, zp_arena.page);
    char *end = (char *)((uintptr_t)(to + bytes) & ~(zp_arena.page - 1));
    if (from < end)
        zp_os_advise(from, (size_t)(end - from), MADV_POPULATE_WRITE);
}
