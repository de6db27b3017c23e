// SPDX-License-Identifier: MIT OR Apache-2.0

#include "commit.h"

#include "log.h"
#include "os.h"
#include "pin.h"
#include "placement.h"
#include "pools.h"
#include "reserved.h"

#include <errno.h>
#include <string.h>

// ---- Totals ----------------------------------------------------------------------------------

// The slot's own mapping and the gap behind it.
static size_t mappings_of(const struct zp_slot *slot)
{
    return slot->packed || slot->committed == 0 ? 0 : 2 + (size_t)slot->seam_count;
}

static void count_mappings(const struct zp_slot *slot, size_t before)
{
    __atomic_fetch_add(&zp_arena_totals.mappings, mappings_of(slot) - before, __ATOMIC_RELAXED);
}

static struct zp_commit_counts counts;

static struct {
    size_t bytes, peak;
} classes[ZP_CLASS_COUNT];

static void move_to_class(size_t before, size_t after)
{
    if (before != 0)
        __atomic_fetch_sub(&classes[zp_commit_class_of(before)].bytes, before, __ATOMIC_RELAXED);
    if (after == 0)
        return;
    unsigned own = zp_commit_class_of(after);
    size_t bytes = __atomic_add_fetch(&classes[own].bytes, after, __ATOMIC_RELAXED);
    size_t peak = __atomic_load_n(&classes[own].peak, __ATOMIC_RELAXED);
    while (bytes > peak && !__atomic_compare_exchange_n(&classes[own].peak, &peak, bytes, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static void count(size_t before, size_t after)
{
    if (after < before) {
        __atomic_fetch_add(&counts.decommits, 1, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_add(&counts.commits, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&counts.bytes, after - before, __ATOMIC_RELAXED);
    }
    move_to_class(before, after);
}

struct zp_commit_counts zp_commit_counts(void)
{
    return (struct zp_commit_counts){__atomic_load_n(&counts.commits, __ATOMIC_RELAXED),
                                     __atomic_load_n(&counts.bytes, __ATOMIC_RELAXED),
                                     __atomic_load_n(&counts.decommits, __ATOMIC_RELAXED)};
}

size_t zp_commit_bytes_of(unsigned size_class, size_t *peak)
{
    *peak = __atomic_load_n(&classes[size_class].peak, __ATOMIC_RELAXED);
    return __atomic_load_n(&classes[size_class].bytes, __ATOMIC_RELAXED);
}

void zp_commit_restart(void)
{
    counts = (struct zp_commit_counts){0, 0, 0};
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++)
        classes[i].peak = classes[i].bytes;
}

static void set_committed(struct zp_slot *slot, size_t bytes)
{
    size_t mappings = mappings_of(slot);
    count(slot->committed, bytes);
    __atomic_fetch_add(&zp_arena_totals.committed, bytes - slot->committed, __ATOMIC_RELAXED);
    zp_pin_note_size(slot, bytes);
    zp_pools_note_committed(slot->pool, bytes - slot->committed);
    slot->committed = bytes;
    if (slot->usable > bytes)
        slot->usable = bytes;
    if (slot->warm > bytes / zp_arena.page)
        slot->warm = (uint32_t)(bytes / zp_arena.page);
    while (slot->seam_count > 0 && slot->seams[slot->seam_count - 1] * zp_arena.page >= bytes)
        slot->seam_count--;
    count_mappings(slot, mappings);
}

size_t zp_commit_bytes(void)
{
    return __atomic_load_n(&zp_arena_totals.committed, __ATOMIC_RELAXED);
}

void zp_commit_add_seams(struct zp_slot *to, const struct zp_slot *from)
{
    size_t mappings = mappings_of(to);
    memcpy(to->seams, from->seams, sizeof(to->seams));
    to->seam_count = from->seam_count;
    to->seams[to->seam_count++] = (uint32_t)(from->committed / zp_arena.page);
    count_mappings(to, mappings);
}

static bool is_plain(const struct zp_slot *slot)
{
    return slot->mapping == ZP_MAPPING_PLAIN;
}

// ---- Huge pages ------------------------------------------------------------------------------

void zp_commit_set_huge(struct zp_slot *slot, bool huge)
{
    slot->huge = huge;
    zp_os_advise(slot->base, slot->committed, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

// ---- Committing ------------------------------------------------------------------------------

// Ends the reserved pages of a slot where small ones follow.
static void add_border(struct zp_slot *slot)
{
    if (!slot->reserved || slot->seam_count != 0 || slot->committed == 0)
        return;
    size_t mappings = mappings_of(slot);
    slot->seams[slot->seam_count++] = (uint32_t)(slot->committed / zp_arena.page);
    count_mappings(slot, mappings);
}

// Of a slot without memory the first part in reserved huge pages, if there are to be any.
static void commit_reserved(struct zp_slot *slot, size_t bytes)
{
    size_t reserved = slot->committed == 0 ? zp_reserved_map(slot, bytes) : 0;
    if (reserved == 0)
        return;
    slot->reserved = true;
    set_committed(slot, reserved);
    slot->content = ZP_CONTENT_RESIDENT;
    slot->warm = (uint32_t)(reserved / zp_arena.page);
}

static void place(const struct zp_slot *slot, char *from, size_t length)
{
    int node = slot->pool != 0 ? zp_pools[slot->pool].traits.node : -1;
    if (ZP_UNLIKELY(node >= 0))
        zp_placement_place_on(from, length, (unsigned)node);
    else
        zp_placement_place(from, length, slot->group);
}

static int commit_standalone(struct zp_slot *slot, size_t bytes)
{
    commit_reserved(slot, bytes);
    char *from = slot->base + slot->committed;
    size_t length = bytes - slot->committed;
    if (length == 0)
        return 0;
    int error = zp_os_protect(from, length, PROT_READ | PROT_WRITE);
    if (error == 0)
        zp_os_advise(from, length, MADV_DODUMP);
    if (error == 0)
        place(slot, from, length);
    // Without the advice the slot has small pages and works.
    if (error == 0 && slot->huge && bytes >= ZP_HUGE_PAGE)
        zp_os_advise(from, length, MADV_HUGEPAGE);
    if (error == 0)
        add_border(slot);
    return error;
}

// Whether the last page of a packed slot stays closed: the next run is a mapping of its own.
static bool ends_run(const struct zp_slot *slot)
{
    const struct zp_region *region = &zp_arena.regions[slot->region];
    uint32_t number = (uint32_t)(slot - region->slots);
    return region->run != 0 && (number + 1) % zp_arena_run(region, number) == 0;
}

// Bytes of a packed slot that are accessible once it is open.
static size_t open_bytes(const struct zp_slot *slot)
{
    return zp_arena_stride(slot) - (ends_run(slot) ? zp_arena.page : 0);
}

static int open_packed(struct zp_slot *slot)
{
    int error = zp_os_protect(slot->base, open_bytes(slot), PROT_READ | PROT_WRITE);
    slot->open = error == 0;
    if (slot->open)
        zp_os_advise(slot->base, open_bytes(slot), MADV_DODUMP);
    return error;
}

// Drops the pages of a range that stays accessible; `plain` if its mapping is as the pool made it.
static int empty(char *from, size_t length, bool plain)
{
    if (plain && zp_os_advise(from, length, MADV_DONTNEED) == 0)
        return 0;
    // Whatever was done to the mapping goes with it.
    int error = zp_os_map_over(from, length, PROT_READ | PROT_WRITE);
    if (error == 0) {
        if (zp_arena.huge_by_default)
            zp_os_advise(from, length, MADV_NOHUGEPAGE);
        zp_placement_place_all(from, length);
        zp_os_advise(from, length, MADV_DONTNEED_LOCKED); // after mlockall it comes with pages
    }
    return error;
}

// Removes the guard marker, so that its page is like those around it.
static int lift_guard(struct zp_slot *slot)
{
    if (!slot->guard)
        return 0;
    char *page = slot->base + slot->committed;
    int error = zp_os_advise(page, zp_arena.page, MADV_GUARD_REMOVE);
    if (error != 0)
        error = empty(page, zp_arena.page, false);
    slot->guard = error != 0;
    return error;
}

// Ends a packed buffer of a large class in a guard marker: overruns fault, and the kernel cannot
// round the tail up to a huge page. The stride has room for it. Older kernels have no such markers,
// and locked memory does not take any.
static void place_guard(struct zp_slot *slot)
{
    if (slot->committed != 0 && !slot->guard && !zp_arena.regions[slot->region].packed)
        slot->guard =
            zp_os_advise(slot->base + slot->committed, zp_arena.page, MADV_GUARD_INSTALL) == 0;
}

// A program that overruns a buffer, or uses it after free, may have written to the rest of an open
// stride at any time: so what is added to a slot is dropped first.
static int commit_packed(struct zp_slot *slot, size_t bytes)
{
    if (!slot->open)
        return open_packed(slot);
    int error = lift_guard(slot);
    if (error == 0)
        error = empty(slot->base + slot->committed, bytes - slot->committed, true);
    if (error != 0)
        place_guard(slot);
    return error;
}

int zp_commit(struct zp_slot *slot, size_t bytes)
{
    bytes = zp_round_up(bytes, zp_arena.page);
    if (bytes <= slot->committed)
        return 0;
    size_t before = slot->committed;
    int error = slot->packed ? commit_packed(slot, bytes) : commit_standalone(slot, bytes);
    if (error != 0) {
        zp_commit_trim(slot, before);
        return error;
    }
    bool pinned = slot->pinned;
    zp_pin_note_size(slot, 0); // what was added is not locked
    set_committed(slot, bytes);
    if (slot->packed)
        place_guard(slot);
    if (ZP_UNLIKELY(pinned))
        zp_pin_again(slot);
    else if (ZP_UNLIKELY(zp_pin_is_wanted(slot)))
        zp_pin(slot);
    if (slot->content == ZP_CONTENT_RESIDENT &&
        zp_reserved_bytes(slot) != bytes) // what was added is not resident
        slot->content = ZP_CONTENT_ZERO;
    return 0;
}

// ---- Giving back -----------------------------------------------------------------------------

// Replaces the tail by inaccessible addresses: its pages, commit charge and advice are gone, and
// the kernel merges the mapping with the gap. All of the gap is replaced: a fork excludes gaps
// along with what lies between them, and what the program maps over a buffer may be longer than the
// buffer.
static int close_tail(struct zp_slot *slot, size_t keep)
{
    size_t end = is_plain(slot) ? slot->committed : zp_arena_stride(slot);
    int error = zp_arena_close(slot->base + keep, end - keep);
    if (error == 0)
        set_committed(slot, keep);
    return error;
}

// If the kernel has no mapping to spare for that: the tail stays accessible and committed, but
// empty.
static int empty_standalone_tail(const struct zp_slot *slot, size_t keep)
{
    // The gap was changed, too, and must not become accessible; reserved pages are not dropped.
    if (slot->mapping == ZP_MAPPING_DONTFORK || slot->reserved)
        return -ENOMEM;
    return empty(slot->base + keep, slot->committed - keep, is_plain(slot));
}

// Drops the pages of the tail, which stays accessible; of one that was changed, all of the stride.
static int empty_packed_tail(struct zp_slot *slot, size_t keep)
{
    size_t end = is_plain(slot) ? slot->committed : open_bytes(slot);
    zp_pin_unlock_tail(slot, keep);
    int error = empty(slot->base + keep, end - keep, is_plain(slot));
    if (error == 0 && !is_plain(slot)) {
        slot->guard = false; // it was dropped with the pages
        if (ends_run(slot))
            error = zp_arena_close(slot->base + end, zp_arena.page);
    }
    if (error == 0)
        error = lift_guard(slot);
    if (error != 0)
        return error;
    set_committed(slot, keep);
    place_guard(slot);
    return 0;
}

int zp_commit_trim(struct zp_slot *slot, size_t keep)
{
    keep = zp_reserved_cut(slot, keep);
    if (keep >= slot->committed)
        return 0;
    size_t reserved = zp_reserved_bytes(slot);
    int error;
    if (slot->packed)
        error = empty_packed_tail(slot, keep);
    else if (close_tail(slot, keep) == 0)
        error = 0;
    else {
        zp_pin_release(slot); // the kernel keeps pages that are locked
        error = empty_standalone_tail(slot, keep);
    }
    zp_reserved_note_gone(reserved - zp_reserved_bytes(slot));
    if (error == 0 && keep == 0) {
        slot->reserved = false;
        slot->mapping = ZP_MAPPING_PLAIN;
        zp_slot_set_empty(slot);
    }
    return error;
}

void zp_decommit(struct zp_slot *slot)
{
    if (zp_commit_trim(slot, 0) == 0) {
        zp_arena_put_back(slot);
        return;
    }
    zp_log(ZP_LOG_DETAIL, "the kernel did not take a buffer's memory back", NULL);
    // At least its pages go.
    zp_os_advise(slot->base, slot->committed, MADV_DONTNEED);
    zp_slot_step(slot, ZP_SLOT_RETIRED);
}

void zp_commit_forget(struct zp_slot *slot, bool reserved)
{
    zp_reserved_note_gone(zp_reserved_bytes(slot));
    set_committed(slot, 0);
    slot->open = slot->guard = slot->reserved = false;
    slot->mapping = ZP_MAPPING_PLAIN;
    if (reserved)
        zp_arena_put_back(slot);
    else
        zp_slot_step(slot, ZP_SLOT_RETIRED);
}
