// SPDX-License-Identifier: MIT OR Apache-2.0

#include "marks.h"

static struct zp_slot *get_or_fail(size_t size)
{
    struct zp_slot *slot = unit_get(size);
    ck_assert_ptr_nonnull(slot);
    return slot;
}

static void put_all_written(struct zp_slot *slot)
{
    memset(slot->base, 0xA5, slot->committed);
    zp_pool_put(slot->base);
}

// ---- Before the start ------------------------------------------------------------------------

// Breaks when the pool does anything before it has started: malloc may come before it.
START_TEST(before_the_start_there_is_nothing)
{
    char here;
    ck_assert_ptr_null(unit_get(ZP_MIB));
    ck_assert(!zp_arena_owns(&here));
    ck_assert(!zp_arena_owns(NULL));
    ck_assert(!zp_arena_owns((void *)UINTPTR_MAX));
    ck_assert_uint_eq(zp_pool_trim(), 0);
    zp_pool_flush();
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(zp_counters_served(&stats.counters), 0);
    ck_assert_uint_eq(stats.retained, 0);
}
END_TEST

// ---- Get and put -----------------------------------------------------------------------------

static const size_t sizes[] = {ZP_CLASS_MIN,     ZP_CLASS_MIN + 1, 200000,
                               ZP_MIB,           5 * ZP_MIB / 4,   2 * ZP_MIB - 1,
                               2 * ZP_MIB,       2 * ZP_MIB + 1,   5368709, // 5.12 MiB
                               31 * ZP_MIB + 17, 48 * ZP_MIB};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

// Breaks when a fresh buffer is smaller or larger than asked for, to the page, or not zero.
START_TEST(a_fresh_buffer_is_what_was_asked_for)
{
    unit_pool_start_default();
    size_t size = sizes[_i];
    struct zp_slot *slot = get_or_fail(size);
    ck_assert_uint_eq(slot->committed, zp_round_up(size, unit_page()));
    ck_assert_uint_eq((uintptr_t)slot->base % ZP_CLASS_MIN, 0);
    ck_assert_int_eq(slot->state, ZP_SLOT_LIVE);
    ck_assert_ptr_eq(zp_pool_slot(slot->base, "test"), slot);
    ck_assert(zp_slot_is_zero(slot));
    ck_assert_uint_eq(unit_resident_pages(slot->base, slot->committed), 0);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    memset(slot->base, 0xA5, slot->committed);
    ck_assert_uint_eq(unit_counters().fresh, 1);
}
END_TEST

// Breaks when a buffer does not come back to the thread that put it, warm and zero.
START_TEST(a_put_buffer_comes_back_zero_and_warm)
{
    unit_pool_start_default();
    size_t size = sizes[_i];
    struct zp_slot *slot = get_or_fail(size);
    size_t committed = slot->committed;
    memset(slot->base, 0xA5, committed);
    zp_pool_put(slot->base);
    struct zp_slot *again = get_or_fail(size);
    ck_assert_ptr_eq(again, slot);
    ck_assert(zp_slot_is_zero(again));
    ck_assert_uint_eq(again->committed, committed);
    ck_assert_uint_eq(unit_resident_pages(again->base, committed), committed / unit_page());
    ck_assert(unit_is_zero(again->base, committed));
    // The third time it is known to be in memory as a whole: another way of scrubbing.
    memset(again->base, 0x5A, committed);
    zp_pool_put(again->base);
    again = get_or_fail(size);
    ck_assert_ptr_eq(again, slot);
    ck_assert(unit_is_zero(again->base, committed));
    zp_pool_put(again->base);
    struct zp_counters counters = unit_counters();
    ck_assert_uint_eq(zp_counters_served(&counters), 3);
    ck_assert_uint_eq(counters.bytes_requested, 3 * size);
    ck_assert_uint_eq(counters.warm_pages, 2 * (committed / unit_page()));
    ck_assert_uint_eq(counters.bytes_scrubbed, 3 * committed);
}
END_TEST

// Breaks when putting a buffer that was never touched brings its pages into memory.
START_TEST(an_untouched_buffer_stays_without_pages)
{
    unit_pool_start_default();
    struct zp_slot *slot = get_or_fail(8 * ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_uint_eq(unit_resident_pages(slot->base, 8 * ZP_MIB), 0);
    struct zp_slot *again = get_or_fail(8 * ZP_MIB);
    ck_assert_ptr_eq(again, slot);
    ck_assert_uint_eq(unit_resident_pages(slot->base, 8 * ZP_MIB), 0);
    ck_assert_uint_eq(unit_counters().bytes_scrubbed, 0);
    ck_assert_uint_eq(unit_counters().bytes_dropped, 8 * ZP_MIB);
}
END_TEST

// Breaks when without scrubbing a used buffer is called clean, or is written to all the same.
START_TEST(without_scrubbing_only_fresh_buffers_are_clean)
{
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = false;
    if (_i == 1)
        config.thread_cache_most = 0;
    unit_pool_start(&config);
    struct zp_slot *slot = get_or_fail(ZP_MIB);
    ck_assert(zp_slot_is_zero(slot));
    memset(slot->base, 0xA5, ZP_MIB);
    zp_pool_put(slot->base);
    struct zp_slot *again = get_or_fail(ZP_MIB);
    ck_assert_ptr_eq(again, slot);
    ck_assert(!zp_slot_is_zero(again));
    ck_assert_int_eq(again->base[ZP_MIB - 1], (char)0xA5);
    ck_assert_uint_eq(unit_counters().bytes_scrubbed, 0);
    zp_pool_put(again->base);
    zp_pool_trim();
    again = get_or_fail(ZP_MIB);
    ck_assert(zp_slot_is_zero(again)); // its memory had been given back
    ck_assert(unit_is_zero(again->base, ZP_MIB));
}
END_TEST

// Breaks when a request the size classes do not hold is served, or crashes.
START_TEST(too_large_a_request_is_refused)
{
    unit_pool_start_default();
    static const size_t too_large[] = {64 * ZP_MIB, ZP_CLASS_MAX,      ZP_CLASS_MAX + 1,
                                       PTRDIFF_MAX, SIZE_MAX - ZP_MIB, SIZE_MAX};
    errno = 4711;
    for (size_t i = 0; i < sizeof(too_large) / sizeof(too_large[0]); i++) {
        ck_assert_ptr_null(unit_get(too_large[i]));
        ck_assert_ptr_null(zp_pool_get(too_large[i], 2 * ZP_MIB));
        ck_assert_uint_eq(unit_counters().refused, 2 * (i + 1));
    }
    ck_assert_int_eq(errno, 4711);
}
END_TEST

// Breaks when running out of slots crashes, or is not over once some are back.
START_TEST(a_class_runs_out_and_recovers)
{
    unit_pool_start_default();
    size_t size = 2 * ZP_MIB; // 16 slots; those of the next classes are not for it unless pooled
    struct zp_slot *slots[16];
    for (unsigned i = 0; i < 16; i++)
        slots[i] = get_or_fail(size);
    errno = 4711;
    ck_assert_ptr_null(unit_get(size));
    ck_assert_int_eq(errno, 4711);
    zp_pool_put(slots[7]->base);
    ck_assert_ptr_eq(unit_get(size), slots[7]);
    for (unsigned i = 0; i < 16; i++)
        zp_pool_put(slots[i]->base);
    zp_pool_trim();
    for (unsigned i = 0; i < 16; i++)
        get_or_fail(size);
    ck_assert_ptr_null(unit_get(size));
}
END_TEST

// Breaks when an alignment is not kept, whether the slot is fresh, cached or pooled.
START_TEST(alignments_are_kept)
{
    unit_pool_start_default();
    for (unsigned shift = 0; shift <= 26; shift++) {
        size_t alignment = (size_t)1 << shift;
        for (unsigned i = 0; i < SIZES; i++) {
            struct zp_slot *slot = zp_pool_get(sizes[i], alignment);
            size_t stride = zp_arena_alignment(zp_class_of(sizes[i]));
            if (alignment > stride) {
                ck_assert_ptr_null(slot);
                continue;
            }
            ck_assert_ptr_nonnull(slot);
            ck_assert_uint_ge(slot->committed, sizes[i]);
            ck_assert_uint_eq((uintptr_t)slot->base % alignment, 0);
            zp_pool_put(slot->base);
        }
    }
}
END_TEST

// Breaks when an odd alignment is served with what is not so aligned.
START_TEST(absurd_alignments_are_refused)
{
    unit_pool_start_default();
    ck_assert_ptr_null(zp_pool_get(ZP_MIB, (size_t)1 << 40));
    ck_assert_ptr_null(zp_pool_get(ZP_MIB, (size_t)1 << 63));
    ck_assert_ptr_null(zp_pool_get(64 * ZP_MIB, 2 * ZP_MIB)); // a class without slots here
}
END_TEST

static int refuse_to_drop(void *address, size_t length, int advice)
{
    if (advice == MADV_DONTNEED) {
        errno = EINVAL;
        return -1;
    }
    return madvise(address, length, advice);
}

// Breaks when calloc gets what an earlier owner wrote, loses more than it asked for, has pages
// fetched that were not there, or believes that memory is zero which the kernel did not drop.
START_TEST(a_dirty_buffer_is_cleared_for_calloc)
{
    static const size_t buffer_sizes[] = {ZP_MIB, 5 * ZP_MIB};
    size_t size = buffer_sizes[_i], part = size / 2 + 100, page = unit_page();
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = false;
    zp_os_calls.sysinfo = unit_some_swap; // so that holes are dropped
    unit_pool_start(&config);
    struct zp_slot *slot = get_or_fail(size);
    memset(slot->base, 0xA5, page);
    slot->base[part - 1] = slot->base[size - 1] = 1;
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(get_or_fail(size), slot);
    ck_assert(!zp_slot_is_zero(slot));

    zp_os_calls.madvise = refuse_to_drop;
    errno = 4711;
    ck_assert(!zp_pool_clear(slot, part));
    zp_os_calls.madvise = madvise;
    ck_assert(zp_pool_clear(slot, part));
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_lt(unit_resident_pages(slot->base, size), 8);
    ck_assert(unit_is_zero(slot->base, part));
    ck_assert_int_eq(slot->base[size - 1], 1);
}
END_TEST

// ---- Where a buffer comes from ---------------------------------------------------------------

// Breaks when a thread's cache is not last in, first out: the warmest buffer first.
START_TEST(the_newest_buffer_is_had_first)
{
    unit_pool_start_default();
    struct zp_slot *one = get_or_fail(ZP_MIB), *two = get_or_fail(ZP_MIB);
    zp_pool_put(one->base);
    zp_pool_put(two->base);
    ck_assert_ptr_eq(get_or_fail(ZP_MIB), two);
    ck_assert_ptr_eq(get_or_fail(ZP_MIB), one);
    ck_assert_uint_eq(unit_counters().thread_hits, 2);
}
END_TEST

// Breaks when a full cache refuses the new buffer instead of passing its oldest on to a shard.
START_TEST(a_full_cache_passes_on_its_oldest)
{
    unit_pool_start_default();
    struct zp_slot *slots[6];
    for (unsigned i = 0; i < 6; i++)
        slots[i] = get_or_fail(ZP_MIB);
    for (unsigned i = 0; i < 6; i++)
        zp_pool_put(slots[i]->base);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(slots[i]->state, i < 2 ? ZP_SLOT_POOLED : ZP_SLOT_CACHED);
    ck_assert_uint_eq(zp_budget_used(), 6 * ZP_MIB);
    for (unsigned i = 0; i < 6; i++)
        get_or_fail(ZP_MIB);
    ck_assert_uint_eq(unit_counters().thread_hits, 4);
    ck_assert_uint_eq(unit_counters().shard_hits, 2);
    ck_assert_uint_eq(unit_counters().fresh, 6);
}
END_TEST

// Breaks when a cache holds more bytes than it may, however few buffers they are.
START_TEST(a_cache_keeps_to_its_bytes)
{
    struct zp_pool_config config = unit_pool_config();
    config.put.thread_cache_bytes = 10 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_slot *four = get_or_fail(4 * ZP_MIB), *five = get_or_fail(5 * ZP_MIB);
    struct zp_slot *three = get_or_fail(3 * ZP_MIB), *large = get_or_fail(11 * ZP_MIB);
    zp_pool_put(four->base);
    zp_pool_put(five->base);
    ck_assert_int_eq(four->state, ZP_SLOT_CACHED);
    zp_pool_put(three->base); // 12 MiB would be too much
    ck_assert_int_eq(four->state, ZP_SLOT_POOLED);
    ck_assert_int_eq(five->state, ZP_SLOT_CACHED);
    ck_assert_int_eq(three->state, ZP_SLOT_CACHED);
    zp_pool_put(large->base); // never fits: the cache stays as it is
    ck_assert_int_eq(large->state, ZP_SLOT_POOLED);
    ck_assert_int_eq(five->state, ZP_SLOT_CACHED);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained, 23 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 23 * ZP_MIB);
}
END_TEST

// Breaks when a request is served with a buffer of less than it asks for, or of more than twice
// that.
START_TEST(a_near_enough_buffer_serves)
{
    unit_pool_start_default();
    struct zp_slot *slot = get_or_fail(1700 * ZP_KIB);
    zp_pool_put(slot->base);
    if (_i == 1)
        zp_pool_flush(); // from a shard, not the cache
    ck_assert_ptr_ne(get_or_fail(2 * ZP_MIB), slot);
    ck_assert_ptr_ne(get_or_fail(700 * ZP_KIB), slot);
    ck_assert_ptr_eq(get_or_fail(ZP_MIB), slot);
    ck_assert_uint_eq(slot->committed, ZP_MIB); // nothing would count the tail
}
END_TEST

// Breaks when a request is served from a shard with a buffer that keeps a tail it did not ask for,
// which nothing would count; when the tail is given back although it is small, or comes back dirty.
START_TEST(a_tail_too_many_is_given_back)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    unit_pool_start(&config);
    static const size_t sizes_of_both[][3] = {
        // committed for, asked for, kept
        {1280 * ZP_KIB, 1152 * ZP_KIB, 1280 * ZP_KIB}, // an eighth less
        {1280 * ZP_KIB, 1088 * ZP_KIB, 1088 * ZP_KIB},
        {5 * ZP_MIB, 9 * ZP_MIB / 2, 5 * ZP_MIB},
        {5 * ZP_MIB, 17 * ZP_MIB / 4 + 1, 17 * ZP_MIB / 4 + 4096},
        {5 * ZP_MIB, 5 * ZP_MIB / 2, 5 * ZP_MIB / 2},
    };
    const size_t *size = sizes_of_both[_i];
    struct zp_slot *slot = get_or_fail(size[0]);
    put_all_written(slot);
    ck_assert_ptr_eq(get_or_fail(size[1]), slot);
    ck_assert_uint_eq(slot->committed, size[2]);
    ck_assert_uint_eq(zp_commit_bytes(), size[2]);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(unit_resident_pages(slot->base, size[0]), size[2] / unit_page());
    ck_assert(zp_slot_is_zero(slot) && unit_is_zero(slot->base, size[2]));
    put_all_written(slot);
    ck_assert_uint_eq(zp_budget_used(), size[2]);
    ck_assert_ptr_eq(get_or_fail(size[0]), slot);
    ck_assert(unit_is_zero(slot->base, size[0]));
}
END_TEST

// Breaks when a buffer of the class that was committed for less is not made longer, or what is
// added is not accessible and zero.
START_TEST(a_shorter_buffer_of_the_class_is_extended)
{
    unit_pool_start_default();
    static const size_t from[] = {1100 * ZP_KIB, 4200 * ZP_KIB};
    static const size_t to[] = {1200 * ZP_KIB, 5000 * ZP_KIB};
    size_t before = from[_i / 2], now = to[_i / 2];
    struct zp_slot *slot = get_or_fail(before);
    memset(slot->base, 0xA5, before);
    zp_pool_put(slot->base);
    if (_i % 2 == 1)
        zp_pool_flush();
    ck_assert_ptr_eq(get_or_fail(now), slot);
    ck_assert_uint_eq(slot->committed, now);
    ck_assert(zp_slot_is_zero(slot));
    ck_assert(unit_is_zero(slot->base, now));
    memset(slot->base, 0xA5, now);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(get_or_fail(now), slot);
    ck_assert(unit_is_zero(slot->base, now));
    zp_pool_put(slot->base);
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0); // it was charged for as much as it held
}
END_TEST

// Breaks when a buffer that was made longer is taken to be wholly in memory: scrubbing would bring
// in what nobody touched.
START_TEST(an_extended_part_stays_without_pages)
{
    unit_pool_start_default();
    static const size_t from[] = {1100 * ZP_KIB, 4200 * ZP_KIB};
    static const size_t to[] = {1200 * ZP_KIB, 5000 * ZP_KIB};
    struct zp_slot *slot = get_or_fail(from[_i]);
    memset(slot->base, 0xA5, from[_i]);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(get_or_fail(to[_i]), slot);
    zp_pool_put(slot->base);
    ck_assert_uint_eq(unit_resident_pages(slot->base, to[_i]), from[_i] / unit_page());
}
END_TEST

// ---- The budget ------------------------------------------------------------------------------

// Breaks when the pool retains more than it may, or does not let the oldest go first.
START_TEST(the_oldest_make_room)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.budget = 4 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_slot *slots[6];
    for (unsigned i = 0; i < 6; i++)
        slots[i] = get_or_fail(ZP_MIB);
    for (unsigned i = 0; i < 6; i++) {
        memset(slots[i]->base, 1, ZP_MIB);
        zp_pool_put(slots[i]->base);
    }
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(slots[i]->state, i < 2 ? ZP_SLOT_COLD : ZP_SLOT_POOLED);
    ck_assert_uint_eq(unit_resident_pages(slots[0]->base, ZP_MIB), 0);
    ck_assert_uint_eq(unit_counters().evicted, 2);
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_peak(), 4 * ZP_MIB);
}
END_TEST

// Breaks when a buffer larger than the whole budget drives everything else out.
START_TEST(what_never_fits_drives_nothing_out)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 4 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_slot *small = get_or_fail(ZP_MIB), *large = get_or_fail(5 * ZP_MIB);
    zp_pool_put(small->base);
    memset(large->base, 1, large->committed);
    zp_pool_put(large->base);
    ck_assert_int_eq(small->state, ZP_SLOT_CACHED);
    ck_assert_int_eq(large->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_counters().unretained, 1);
    ck_assert_uint_eq(unit_counters().evicted, 0);
    large = get_or_fail(5 * ZP_MIB);
    ck_assert(unit_is_zero(large->base, large->committed));
}
END_TEST

// Breaks when a budget of zero retains something.
START_TEST(a_budget_of_zero_retains_nothing)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 0;
    unit_pool_start(&config);
    for (unsigned i = 0; i < 10; i++) {
        struct zp_slot *slot = get_or_fail(ZP_MIB);
        ck_assert(unit_is_zero(slot->base, ZP_MIB));
        memset(slot->base, 1, ZP_MIB);
        zp_pool_put(slot->base);
        ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
        ck_assert_uint_eq(unit_resident_pages(slot->base, ZP_MIB), 0);
    }
    ck_assert_uint_eq(unit_counters().unretained, 10);
    ck_assert_uint_eq(zp_budget_peak(), 0);
}
END_TEST

// Breaks when full shards grow beyond their share of buffers, or charge for one that was evicted.
START_TEST(full_shards_evict)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.shards = 2;
    config.most_per_shard = 3;
    unit_pool_start(&config);
    struct zp_slot *slots[8];
    for (unsigned i = 0; i < 8; i++)
        slots[i] = get_or_fail(ZP_MIB);
    for (unsigned i = 0; i < 8; i++)
        zp_pool_put(slots[i]->base);
    ck_assert_uint_eq(zp_shards_bytes(), 6 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 6 * ZP_MIB);
    struct zp_counters counters = unit_counters();
    ck_assert_uint_eq(counters.evicted, 2);
    ck_assert_uint_eq(counters.spilled, 3);
}
END_TEST

// ---- Flush and trim --------------------------------------------------------------------------

// Breaks when flushing loses a buffer or its charge.
START_TEST(a_flush_moves_the_cache_to_the_shards)
{
    unit_pool_start_default();
    struct zp_slot *one = get_or_fail(ZP_MIB), *two = get_or_fail(3 * ZP_MIB);
    zp_pool_put(one->base);
    zp_pool_put(two->base);
    zp_pool_flush();
    ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), 0);
    ck_assert_uint_eq(zp_thread_cache->granted, 0);
    ck_assert_uint_eq(zp_shards_bytes(), 4 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    zp_pool_flush();
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    ck_assert_ptr_eq(get_or_fail(3 * ZP_MIB), two);
    ck_assert_ptr_eq(get_or_fail(ZP_MIB), one);
}
END_TEST

// Breaks when trimming leaves memory behind, counts it wrongly, or takes what the program still
// has.
START_TEST(a_trim_gives_everything_back)
{
    unit_pool_start_default();
    struct zp_slot *live = get_or_fail(ZP_MIB), *slots[6];
    memset(live->base, 0xA5, ZP_MIB);
    for (unsigned i = 0; i < 6; i++) {
        slots[i] = get_or_fail((i + 1) * ZP_MIB);
        memset(slots[i]->base, 1, slots[i]->committed);
    }
    for (unsigned i = 0; i < 6; i++)
        zp_pool_put(slots[i]->base);
    ck_assert_uint_eq(zp_pool_trim(), 21 * ZP_MIB);
    ck_assert_uint_eq(zp_pool_trim(), 0);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(unit_resident_pages(slots[i]->base, (i + 1) * ZP_MIB), 0);
    ck_assert_uint_eq(unit_resident_pages(live->base, ZP_MIB), ZP_MIB / unit_page());
    ck_assert_int_eq(live->base[0], (char)0xA5);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained, 0);
    ck_assert_uint_eq(stats.retained_peak, 21 * ZP_MIB);
    ck_assert_uint_eq(stats.live, ZP_MIB);
    ck_assert_uint_eq(stats.live_buffers, 1);
}
END_TEST

// ---- Realloc ---------------------------------------------------------------------------------

// Breaks when a buffer that grows within its class moves, or when what is added is not zero.
START_TEST(growing_within_the_class_stays_in_place)
{
    unit_pool_start_default();
    static const size_t starts[] = {1100 * ZP_KIB, 4200 * ZP_KIB};
    struct zp_slot *slot = get_or_fail(starts[_i]);
    size_t before = slot->committed, most = zp_class_size(slot->size_class);
    memset(slot->base, 0xA5, before);
    errno = 4711;
    ck_assert(zp_pool_resize(slot, most));
    ck_assert_uint_eq(slot->committed, most);
    ck_assert_int_eq(slot->base[before - 1], (char)0xA5);
    ck_assert(unit_is_zero(slot->base + before, most - before));
    memset(slot->base, 0xA5, most);
    ck_assert(!zp_pool_resize(slot, most + 1));
    ck_assert_uint_eq(slot->committed, most);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(unit_counters().grown_in_place, 1);
}
END_TEST

// Breaks when shrinking loses bytes that are kept, keeps memory that is not, or shows old bytes
// when the buffer grows again.
START_TEST(shrinking_gives_the_tail_back)
{
    unit_pool_start_default();
    static const size_t starts[] = {1200 * ZP_KIB, 4800 * ZP_KIB};
    struct zp_slot *slot = get_or_fail(starts[_i]);
    size_t before = slot->committed, kept = before / 2 + 100,
           rounded = zp_round_up(kept, unit_page());
    memset(slot->base, 0xA5, before);
    ck_assert(zp_pool_resize(slot, kept));
    ck_assert_uint_eq(slot->committed, rounded);
    ck_assert_int_eq(slot->base[0], (char)0xA5);
    ck_assert_int_eq(slot->base[kept - 1], (char)0xA5);
    ck_assert_uint_eq(unit_resident_pages(slot->base, before), rounded / unit_page());
    ck_assert(zp_pool_resize(slot, before));
    ck_assert(unit_is_zero(slot->base + rounded, before - rounded));
    ck_assert_int_eq(slot->base[rounded - 1], (char)0xA5);
}
END_TEST

// Breaks when a tail too small to be worth the calls is given back: the usable size would change
// for nothing.
START_TEST(a_little_less_changes_nothing)
{
    unit_pool_start_default();
    struct zp_slot *slot = get_or_fail(4 * ZP_MIB);
    memset(slot->base, 0xA5, slot->committed);
    ck_assert(zp_pool_resize(slot, 4 * ZP_MIB - ZP_MIB / 2));
    ck_assert_uint_eq(slot->committed, 4 * ZP_MIB);
    ck_assert_int_eq(slot->base[4 * ZP_MIB - 1], (char)0xA5);
}
END_TEST

// Breaks when moving a buffer loses bytes, leaves them behind, or copies them although it need not.
START_TEST(moving_takes_the_pages_along)
{
    unit_pool_start_default();
    static const size_t starts[] = {ZP_MIB, 3 * ZP_MIB};
    struct zp_slot *slot = get_or_fail(starts[_i]);
    char *base = slot->base;
    size_t before = slot->committed;
    const struct marks marks = {99, 1};
    marks_write(&marks, base, 0, before);
    errno = 4711;
    struct zp_slot *to = zp_pool_move(slot, 5 * ZP_MIB);
    ck_assert_int_eq(errno, 4711);
    ck_assert_ptr_nonnull(to);
    ck_assert_ptr_ne(to->base, base);
    ck_assert_uint_eq(to->committed, 5 * ZP_MIB);
    marks_check(&marks, to->base, before, 0);
    ck_assert(unit_is_zero(to->base + before, 5 * ZP_MIB - before));
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_counters().moved_by_pages, 1);
    memset(to->base, 1, to->committed);
    // There was room for twice the size: the next step needs no move.
    ck_assert(zp_pool_resize(to, 10 * ZP_MIB));
    ck_assert_ptr_eq(unit_get(starts[_i]), slot);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    zp_pool_put(to->base);
    to = get_or_fail(10 * ZP_MIB);
    ck_assert(unit_is_zero(to->base, to->committed));
}
END_TEST

// Breaks when a move for which there is no slot harms the buffer.
START_TEST(a_move_without_a_place_leaves_the_buffer)
{
    unit_pool_start_default();
    struct zp_slot *slot = get_or_fail(40 * ZP_MIB);
    memset(slot->base, 0xA5, 64);
    ck_assert_ptr_null(zp_pool_move(slot, 64 * ZP_MIB));
    ck_assert_ptr_null(zp_pool_move(slot, ZP_CLASS_MAX + 1));
    ck_assert_ptr_null(zp_pool_move(slot, SIZE_MAX));
    ck_assert_int_eq(slot->state, ZP_SLOT_LIVE);
    ck_assert_int_eq(slot->base[63], (char)0xA5);
    zp_pool_put(slot->base);
}
END_TEST

// ---- What the program does to a buffer's mapping ------------------------------------------------

// Breaks when a buffer that the program made unreadable, or asked to be kept from children, is
// handed out like that, or crashes the thread that frees it; or when its neighbour is held
// responsible.
START_TEST(a_marked_buffer_is_made_anew)
{
    unit_pool_start_default();
    size_t size = _i % 2 == 0 ? ZP_MIB : 4 * ZP_MIB;
    struct zp_slot *slot = get_or_fail(size), *neighbour = get_or_fail(size);
    memset(slot->base, 0xA5, size);
    char *part = slot->base + 16 * unit_page();
    if (_i < 2)
        ck_assert_int_eq(mprotect(part, unit_page(), PROT_NONE), 0);
    else
        ck_assert_int_eq(mlock(part, unit_page()), 0);
    zp_pool_note_marks(part, unit_page());
    ck_assert(slot->marked && !neighbour->marked);
    zp_pool_put(slot->base);
    zp_pool_put(neighbour->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_int_eq(neighbour->state, ZP_SLOT_CACHED);
    ck_assert_ptr_eq(get_or_fail(size), neighbour);
    ck_assert_ptr_eq(get_or_fail(size), slot);
    ck_assert(!slot->marked);
    ck_assert(unit_is_zero(slot->base, size));
    memset(slot->base, 1, size);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
}
END_TEST

// Breaks when a mark over several buffers misses one, or one on memory that is no buffer does harm.
START_TEST(marks_reach_every_buffer_they_cover)
{
    unit_pool_start_default();
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = get_or_fail(ZP_MIB);
    zp_pool_note_marks(slots[0]->base + ZP_MIB - 1, ZP_MIB + 2);
    ck_assert(slots[0]->marked && slots[1]->marked && slots[2]->marked);
    zp_pool_put(slots[1]->base);
    zp_pool_note_marks(slots[1]->base, ZP_MIB);
    zp_pool_note_marks(&slots, sizeof(slots));
    zp_pool_note_marks(slots[0]->base, 0);
    zp_pool_note_marks(NULL, SIZE_MAX);
    ck_assert_ptr_eq(get_or_fail(ZP_MIB), slots[1]);
    ck_assert(!slots[1]->marked);
}
END_TEST

// ---- Faults of the program -------------------------------------------------------------------

static int put_twice(void *buffer)
{
    zp_pool_put(buffer);
    zp_pool_put(buffer);
    return 0;
}

static int put(void *buffer)
{
    zp_pool_put(buffer);
    return 0;
}

static int ask_about(void *buffer)
{
    zp_pool_slot(buffer, "realloc");
    return 0;
}

static const char *fatal_line(const char *what, const void *pointer)
{
    static char line[256];
    snprintf(line, sizeof(line), "zeropool: fatal: %s (pointer %p)", what, pointer);
    return line;
}

// Breaks when a double free goes unnoticed, wherever the buffer is by then, or ends in another way.
START_TEST(a_double_free_is_fatal)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = _i == 2 ? 0 : config.budget;
    config.thread_cache_most = _i == 1 ? 0 : config.thread_cache_most;
    config.content.scrub = _i != 3;
    unit_pool_start(&config);
    char *base = get_or_fail(ZP_MIB)->base;
    unit_expect_fatal(put_twice, base, fatal_line("double free", base));
}
END_TEST

// Breaks when an address inside a buffer, or behind what is committed of it, is taken for a buffer.
START_TEST(freeing_an_inner_address_is_fatal)
{
    unit_pool_start_default();
    char *base = get_or_fail(3 * ZP_MIB)->base;
    static const size_t offsets[] = {1, 64 * 1024, 2 * ZP_MIB, 3 * ZP_MIB};
    for (unsigned i = 0; i < 4; i++)
        unit_expect_fatal(put, base + offsets[i],
                          fatal_line("free of an address inside a buffer", base + offsets[i]));
    zp_pool_put(base);
}
END_TEST

// Breaks when an address of the arena where there never was a buffer is taken for one, in regions
// with slots and in those without.
START_TEST(freeing_what_never_was_a_buffer_is_fatal)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.smallest = ZP_MIB;
    unit_pool_start(&config);
    get_or_fail(ZP_MIB);
    char *arena = (char *)zp_arena.base; // NOLINT(performance-no-int-to-ptr)
    const size_t offsets[] = {
        0, // a class below the smallest
        zp_class_of(64 * ZP_MIB) * ((size_t)1 << zp_arena.region_shift), // one without slots
        zp_class_of(ZP_MIB) * ((size_t)1 << zp_arena.region_shift) + ZP_MIB,
        zp_arena.size - 1,
    };
    for (unsigned i = 0; i < 4; i++)
        unit_expect_fatal(
            put, arena + offsets[i],
            fatal_line("free of an address that was never handed out", arena + offsets[i]));
}
END_TEST

// Breaks when another operation on a free buffer is reported as a free, or not at all.
START_TEST(using_a_free_buffer_is_fatal)
{
    unit_pool_start_default();
    char *base = get_or_fail(ZP_MIB)->base;
    zp_pool_put(base);
    unit_expect_fatal(ask_about, base, fatal_line("realloc of a buffer that is free", base));
    unit_expect_fatal(ask_about, base + 8,
                      fatal_line("realloc of an address inside a buffer", base + 8));
}
END_TEST

// Breaks when a pool that may make few system calls loses, dirties or refuses a buffer.
START_TEST(few_calls_are_enough)
{
    unit_pool_start_default();
    struct zp_slot *before = get_or_fail(sizes[_i]);
    memset(before->base, 0xA5, before->committed);
    zp_os_restrict();
    zp_pool_put(before->base);
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = get_or_fail(sizes[_i]);
        ck_assert(unit_is_zero(slot->base, slot->committed));
        memset(slot->base, 0xA5, slot->committed);
        zp_pool_put(slot->base);
    }
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, before_the_start_there_is_nothing);
    tcase_add_loop_test(tests, a_fresh_buffer_is_what_was_asked_for, 0, SIZES);
    tcase_add_loop_test(tests, a_put_buffer_comes_back_zero_and_warm, 0, SIZES);
    tcase_add_test(tests, an_untouched_buffer_stays_without_pages);
    tcase_add_loop_test(tests, without_scrubbing_only_fresh_buffers_are_clean, 0, 2);
    tcase_add_loop_test(tests, a_dirty_buffer_is_cleared_for_calloc, 0, 2);
    tcase_add_test(tests, too_large_a_request_is_refused);
    tcase_add_test(tests, a_class_runs_out_and_recovers);
    tcase_add_test(tests, alignments_are_kept);
    tcase_add_test(tests, absurd_alignments_are_refused);
    tcase_add_test(tests, the_newest_buffer_is_had_first);
    tcase_add_test(tests, a_full_cache_passes_on_its_oldest);
    tcase_add_test(tests, a_cache_keeps_to_its_bytes);
    tcase_add_loop_test(tests, a_near_enough_buffer_serves, 0, 2);
    tcase_add_loop_test(tests, a_tail_too_many_is_given_back, 0, 5);
    tcase_add_loop_test(tests, a_shorter_buffer_of_the_class_is_extended, 0, 4);
    tcase_add_loop_test(tests, an_extended_part_stays_without_pages, 0, 2);
    tcase_add_test(tests, the_oldest_make_room);
    tcase_add_test(tests, what_never_fits_drives_nothing_out);
    tcase_add_test(tests, a_budget_of_zero_retains_nothing);
    tcase_add_test(tests, full_shards_evict);
    tcase_add_test(tests, a_flush_moves_the_cache_to_the_shards);
    tcase_add_test(tests, a_trim_gives_everything_back);
    tcase_add_loop_test(tests, growing_within_the_class_stays_in_place, 0, 2);
    tcase_add_loop_test(tests, shrinking_gives_the_tail_back, 0, 2);
    tcase_add_test(tests, a_little_less_changes_nothing);
    tcase_add_loop_test(tests, moving_takes_the_pages_along, 0, 2);
    tcase_add_test(tests, a_move_without_a_place_leaves_the_buffer);
    tcase_add_loop_test(tests, a_marked_buffer_is_made_anew, 0, 4);
    tcase_add_test(tests, marks_reach_every_buffer_they_cover);
    tcase_add_loop_test(tests, a_double_free_is_fatal, 0, 4);
    tcase_add_test(tests, freeing_an_inner_address_is_fatal);
    tcase_add_test(tests, freeing_what_never_was_a_buffer_is_fatal);
    tcase_add_test(tests, using_a_free_buffer_is_fatal);
    tcase_add_loop_test(tests, few_calls_are_enough, 0, SIZES);
    return unit_run("pool", tests);
}
