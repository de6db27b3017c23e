// SPDX-License-Identifier: MIT OR Apache-2.0

#include "content.h"

#include "arena.h"
#include "commit.h"
#include "fatal.h"
#include "libc.h"
#include "os.h"
#include "probes.h"
#include "reserved.h"
#include "scrub_team.h"
#include "usage.h"

enum {
    // Of the resident pages of a buffer so many times more are zero than not: its owner wrote next
    // to nothing.
    SPARSE_TIMES = 8,
    // Pages from which on that matters.
    SPARSE_PAGES = 64,
    // For so long the kernel is taken not to have taken pages that were marked as reclaimable.
    MARK_TRUSTED_MS = 1000,
    // Of a buffer that has lost pages so many are looked at, and so many at a time.
    LOST_LOOKED = 1 << 16,
    LOST_WINDOW = 1024,
};

static ZP_FROZEN struct zp_content_config config = {0};

void zp_content_init(const struct zp_content_config *chosen)
{
    config = *chosen;
}

bool zp_content_is_cached(const struct zp_slot *slot, const struct zp_counters *counters)
{
    return counters->bytes_requested - slot->born <= config.cpu_cache;
}

// ---- Dropping --------------------------------------------------------------------------------

// Drops all pages of a buffer whose owners write next to nothing. They touch it here and there, so
// that no more is to come in huge pages. False if the kernel refused, or pages are pinned
// or reserved.
static bool drop(struct zp_slot *slot, struct zp_counters *counters)
{
    if (slot->pinned || slot->reserved ||
        zp_os_advise(slot->base, slot->committed, MADV_DONTNEED) != 0)
        return false;
    if (slot->huge && zp_commit_can_be_huge(slot))
        zp_commit_set_huge(slot, false);
    zp_slot_set_empty(slot);
    zp_count(&counters->bytes_dropped, slot->usable);
    return true;
}

bool zp_content_seems_sparse(const struct zp_slot *slot)
{
    return slot->content == ZP_CONTENT_RESIDENT && slot->usable >= SPARSE_PAGES * zp_arena.page &&
           zp_scrub_looks_unwritten(slot->base, slot->usable);
}

static bool is_to_be_dropped(const struct zp_slot *slot, bool sparse)
{
    return slot->usable >= SPARSE_PAGES * zp_arena.page &&
           zp_usage_note_freed(zp_class_of(slot->usable), sparse);
}

// ---- Overwriting -----------------------------------------------------------------------------

// A start behind the base takes a page more, which an owner leaves untouched who writes a byte for
// each page of the size. It is fetched, so that the buffer is wholly in memory as it would be
// without. Returns its bytes if it was.
static size_t fetch_last(const struct zp_slot *slot, size_t written)
{
    char *last = slot->base + slot->usable - zp_arena.page;
    unsigned char probe;
    if (written + zp_arena.page != slot->committed || slot->start == slot->base ||
        zp_os_residency(last, zp_arena.page, &probe) != 0 || (probe & 1) != 0)
        return 0;
    *(volatile char *)last = 0;
    return zp_arena.page;
}

void zp_content_note_clean(struct zp_slot *slot, const struct zp_scrub_result *result,
                           struct zp_counters *counters)
{
    zp_count(&counters->warm_pages, slot->warm);
    // What was there before and reads as zero is there still; else that may be the zero page.
    size_t page = zp_arena.page, there = result->written + fetch_last(slot, result->written);
    size_t warm = slot->warm * page, found = result->written + result->kept;
    warm = warm < found ? warm : found;
    warm = warm > there ? warm : there;
    slot->warm = (uint32_t)(warm / page);
    slot->content = there == slot->committed ? ZP_CONTENT_RESIDENT : ZP_CONTENT_ZERO;
    // Its next owner may touch it here and there.
    size_t pages = slot->committed / page;
    if (slot->huge && zp_commit_can_be_huge(slot) && slot->warm < pages - pages / 8)
        zp_commit_set_huge(slot, false);
    zp_count(&counters->bytes_scrubbed, result->written);
    zp_count(&counters->bytes_found_zero, result->kept);
    zp_count(&counters->bytes_dropped, result->dropped);
    zp_count(&counters->scrub_us, result->us);
    ZP_PROBE_3(scrub, slot->base, result->written, result->dropped);
}

// Overwrites a range whose every page is in memory.
static struct zp_scrub_result overwrite(char *base, size_t bytes, bool cached)
{
    uint32_t start = zp_os_stopwatch();
    zp_scrub_resident(base, bytes, cached);
    return (struct zp_scrub_result){.written = bytes, .us = zp_os_stopwatch() - start};
}

// Several threads make a buffer zero, if that is worth it and does not fail.
static bool clean_together(const struct zp_slot *slot, struct zp_scrub_result *result)
{
    return zp_scrub_team_is_for(slot) &&
           zp_scrub_team_clean(slot, zp_content_clean_part, result) == 0;
}

// A buffer that was wholly in memory when it was handed out.
static void clean_resident(struct zp_slot *slot, struct zp_counters *counters, bool cached)
{
    if (is_to_be_dropped(slot, zp_content_seems_sparse(slot)) && drop(slot, counters))
        return;
    struct zp_scrub_result result;
    if (!clean_together(slot, &result))
        result = overwrite(slot->base, slot->committed, cached);
    zp_content_note_clean(slot, &result, counters);
}

// To drop what is not there takes half of the time of asking about it. But two threads that drop at
// once make the kernel interrupt every processor that runs a thread of the process.
static bool drop_untouched(struct zp_slot *slot, struct zp_counters *counters)
{
    return zp_is_single_threaded() && zp_usage_expects_untouched(zp_class_of(slot->usable)) &&
           drop(slot, counters);
}

// Reserved huge pages are there, and must not be dropped: they are overwritten. The rest as found.
static int scrub(const struct zp_slot *slot, size_t at, size_t bytes, struct zp_scrub_hint hint,
                 struct zp_scrub_result *result)
{
    size_t reserved = zp_reserved_bytes(slot);
    if (at >= reserved)
        return zp_scrub(slot->base + at, bytes, hint, result);
    size_t there = reserved - at < bytes ? reserved - at : bytes;
    int error = 0;
    *result = (struct zp_scrub_result){0};
    if (there < bytes)
        error = zp_scrub(slot->base + reserved, bytes - there, hint, result);
    struct zp_scrub_result written = overwrite(slot->base + at, there, hint.cached);
    result->written += written.written;
    result->us += written.us;
    return error;
}

int zp_content_clear(const struct zp_slot *slot, size_t bytes)
{
    struct zp_scrub_result result;
    struct zp_scrub_hint hint = {.cached = true, .huge = zp_commit_is_huge(slot)};
    return scrub(slot, 0, bytes, hint, &result);
}

// Any other. What of it reads as zero may be the kernel's zero page, which no owner wrote to
// either.
static bool clean_partial(struct zp_slot *slot, struct zp_counters *counters, bool cached)
{
    bool was_empty = zp_slot_is_empty(slot);
    if (was_empty && drop_untouched(slot, counters))
        return true;
    struct zp_scrub_hint hint = {.cached = cached, .huge = zp_commit_is_huge(slot)};
    struct zp_scrub_result result;
    if (!clean_together(slot, &result) && scrub(slot, 0, slot->committed, hint, &result) != 0)
        return false;
    if (was_empty)
        zp_usage_note_touched(zp_class_of(slot->usable), result.written + result.kept,
                              slot->usable);
    bool sparse =
        result.kept >= SPARSE_PAGES * zp_arena.page && result.kept / SPARSE_TIMES >= result.written;
    if (!was_empty && is_to_be_dropped(slot, sparse) && drop(slot, counters))
        return true;
    zp_content_note_clean(slot, &result, counters);
    return true;
}

static bool clean(struct zp_slot *slot, struct zp_counters *counters, bool cached)
{
    if (slot->content != ZP_CONTENT_RESIDENT)
        return clean_partial(slot, counters, cached);
    clean_resident(slot, counters, cached);
    return true;
}

bool zp_content_clean(struct zp_slot *slot, struct zp_counters *counters)
{
    if (config.scrub)
        return clean(slot, counters, zp_content_is_cached(slot, counters));
    slot->content = ZP_CONTENT_DIRTY;
    return true;
}

bool zp_content_clean_waited(struct zp_slot *slot, struct zp_counters *counters)
{
    return clean(slot, counters, false);
}

int zp_content_clean_part(const struct zp_slot *slot, size_t at, size_t bytes,
                          struct zp_scrub_result *result)
{
    if (slot->content != ZP_CONTENT_RESIDENT) {
        struct zp_scrub_hint hint = {.huge = zp_commit_is_huge(slot)};
        return scrub(slot, at, bytes, hint, result);
    }
    *result = overwrite(slot->base + at, bytes, false);
    return 0;
}

// ---- Using again -----------------------------------------------------------------------------

void zp_content_verify(const struct zp_slot *slot)
{
    const char *found = config.verify ? zp_scrub_find(slot->base, slot->committed) : NULL;
    if (found == NULL)
        return;
    struct zp_stack freed = zp_arena_freed(slot);
    zp_fatal_write(slot->base, slot->committed, found, &freed);
}

// The kernel takes marked pages when it is short of memory. Of a buffer that was marked a moment
// ago it has most likely not: if it has, overwriting the buffer fetches them again.
static bool may_have_lost_pages(const struct zp_slot *slot)
{
    return slot->reclaimable != ZP_RECLAIMABLE_NONE && slot->content == ZP_CONTENT_RESIDENT &&
           zp_os_clock() - slot->since >= MARK_TRUSTED_MS;
}

// Pages of a buffer, which had all, that are not in memory now; of a very large one an estimate
// from its first part, as this is asked in a call of the program.
static ZP_COLD size_t lost_pages(const struct zp_slot *slot)
{
    unsigned char vector[LOST_WINDOW];
    size_t pages = slot->committed / zp_arena.page, lost = 0, at = 0;
    size_t looked = pages < LOST_LOOKED ? pages : LOST_LOOKED;
    while (at < looked) {
        size_t some = looked - at < LOST_WINDOW ? looked - at : LOST_WINDOW;
        char *from = slot->base + at * zp_arena.page;
        if (zp_os_residency(from, some * zp_arena.page, vector) != 0)
            return 0;
        for (size_t i = 0; i < some; i++)
            lost += (vector[i] & 1) == 0;
        at += some;
    }
    return looked != 0 ? pages / looked * lost : 0;
}

bool zp_content_reuse(struct zp_slot *slot, struct zp_counters *counters)
{
    zp_content_verify(slot);
    if (may_have_lost_pages(slot) && !zp_usage_in_memory(slot->base, slot->committed)) {
        slot->content = ZP_CONTENT_ZERO;
        zp_count(&counters->reclaimed_pages, lost_pages(slot));
    }
    slot->reclaimable = ZP_RECLAIMABLE_NONE;
    return !config.scrub_again || clean(slot, counters, false);
}

// What pages a reclaimable buffer has is not asked: it reads as zero, and that is all that is
// known.
void zp_content_reuse_at_hand(struct zp_slot *slot)
{
    if (may_have_lost_pages(slot))
        slot->content = ZP_CONTENT_ZERO;
    slot->reclaimable = ZP_RECLAIMABLE_NONE;
}

bool zp_content_is_at_hand(void)
{
    return !config.verify && !config.scrub_again;
}
