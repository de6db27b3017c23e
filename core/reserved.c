// SPDX-License-Identifier: MIT OR Apache-2.0

#include "reserved.h"

#include "os.h"

static ZP_FROZEN size_t huge_page = 0;

static size_t bytes_now;
static uint64_t refused;

void zp_reserved_init(size_t page)
{
    huge_page = page;
}

bool zp_reserved_is_on(void)
{
    return huge_page != 0;
}

void zp_reserved_note_gone(size_t bytes)
{
    __atomic_fetch_sub(&bytes_now, bytes, __ATOMIC_RELAXED);
}

struct zp_reserved_counts zp_reserved_counts(void)
{
    return (struct zp_reserved_counts){__atomic_load_n(&bytes_now, __ATOMIC_RELAXED),
                                       __atomic_load_n(&refused, __ATOMIC_RELAXED)};
}

size_t zp_reserved_map(struct zp_slot *slot, size_t bytes)
{
    size_t length = huge_page != 0 ? bytes & ~(huge_page - 1) : 0;
    if (length == 0)
        return 0;
    int error = zp_os_map_reserved(slot->base, length, huge_page);
    bool there = error == 0 && zp_os_advise(slot->base, length, MADV_POPULATE_WRITE) == 0;
    if (there) {
        __atomic_fetch_add(&bytes_now, length, __ATOMIC_RELAXED);
        return length;
    }
    __atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
    // Where mmap fails in the middle of replacing a mapping, a hole may be left.
    zp_arena_close(slot->base, length);
    return 0;
}

size_t zp_reserved_cut(const struct zp_slot *slot, size_t keep)
{
    size_t bytes = zp_reserved_bytes(slot);
    return keep < bytes ? zp_round_up(keep, huge_page) : keep;
}

// ---- Fork ------------------------------------------------------------------------------------

// A copy of a live buffer's reserved pages, behind a page with this in it. They form a list.
struct copy {
    struct copy *next;
    struct zp_slot *slot;
    char *base;
    size_t bytes;
};

static struct copy *copies; // of the fork under way

static char *data_of(struct copy *copy)
{
    return (char *)copy + zp_arena.page;
}

static void free_copy(struct copy *copy)
{
    zp_os_unmap(copy, zp_arena.page + copy->bytes);
}

// Other threads may free the buffer meanwhile, and give its memory back: the kernel copies, and
// stops where there is nothing.
static void copy_for_child(const struct zp_slot *slot, size_t bytes)
{
    void *mapped;
    if (bytes == 0 || zp_os_map(zp_arena.page + bytes, PROT_READ | PROT_WRITE, &mapped) != 0)
        return;
    struct copy *copy = mapped;
    *copy = (struct copy){copies, (struct zp_slot *)(uintptr_t)slot, slot->base, bytes};
    zp_os_advise(data_of(copy), bytes, MADV_HUGEPAGE);
    if (zp_os_copy(data_of(copy), slot->base, bytes) != 0 ||
        zp_os_advise(slot->base, bytes, MADV_DONTFORK) != 0)
        free_copy(copy);
    else
        copies = copy;
}

static ZP_RACY void copy_if_reserved(const struct zp_slot *slot)
{
    copy_for_child(slot, zp_reserved_bytes(slot));
}

void zp_reserved_before_fork(void)
{
    copies = NULL;
    if (huge_page != 0)
        zp_arena_visit_live(copy_if_reserved);
}

void zp_reserved_in_parent(void)
{
    for (struct copy *copy = copies, *next; copy != NULL; copy = next) {
        next = copy->next;
        zp_os_advise(copy->base, copy->bytes, MADV_DOFORK);
        free_copy(copy);
    }
    copies = NULL;
}

// Ordinary memory takes the place of the pages, which the child does not have.
static void put_in_place(struct copy *copy)
{
    struct zp_slot *slot = copy->slot;
    bool live =
        slot->state == ZP_SLOT_LIVE && slot->reserved && copy->bytes == zp_reserved_bytes(slot);
    if (live && zp_os_move_over(data_of(copy), copy->bytes, copy->base) == 0)
        slot->reserved = false;
    else
        zp_arena_close(copy->base, copy->bytes);
}

static void count_again(struct zp_slot *slot)
{
    bytes_now += zp_reserved_bytes(slot);
}

void zp_reserved_in_child(void)
{
    for (struct copy *copy = copies, *next; copy != NULL; copy = next) {
        next = copy->next;
        put_in_place(copy);
        zp_os_unmap(copy, zp_arena.page);
    }
    copies = NULL;
    refused = 0;
    bytes_now = 0;
    if (huge_page != 0)
        zp_arena_visit(count_again);
}
