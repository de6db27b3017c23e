// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How the length of a buffer that serves a request is made to fit: tails and growing.

#include "core/commit.h"
#include "core/get.h"
#include "core/helper.h"
#include "core/scrub_queue.h"
#include "support.h"

// A pool whose buffers all wait in shards.
static struct zp_pool_config uncached(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    return config;
}

static void start_uncached(void)
{
    struct zp_pool_config config = uncached();
    unit_pool_start(&config);
}

static size_t in_pages(size_t bytes)
{
    return zp_round_up(bytes, unit_page());
}

// ---- Tails -----------------------------------------------------------------------------------

// Of `size` usable bytes the most that may be committed.
static size_t with_tail(size_t size)
{
    return in_pages(size + size / 3);
}

// Breaks when what a buffer is too long by is given back and fetched again for the next longer
// request, when more than a third of what was asked for stays, when it is not charged or not zero,
// or is lost for the budget when the buffer is freed.
START_TEST(a_tail_stays_and_is_charged)
{
    start_uncached();
    static const size_t cases[][2] = {
        // held, asked for
        {5 * ZP_MIB, 9 * ZP_MIB / 2},
        {5 * ZP_MIB, 15 * ZP_MIB / 4}, // to the byte
        {5 * ZP_MIB, 3 * ZP_MIB},
        {5 * ZP_MIB, 5 * ZP_MIB / 2 + 1},
    };
    size_t held = cases[_i][0], usable = in_pages(cases[_i][1]), most = with_tail(usable);
    size_t committed = held < most ? held : most, tail = committed - usable;
    struct zp_slot *slot = unit_get_or_fail(held);
    unit_put_written(slot);
    ck_assert_ptr_eq(unit_get(cases[_i][1]), slot);
    ck_assert_uint_eq(slot->usable, usable);
    ck_assert_uint_eq(slot->committed, committed);
    ck_assert_uint_eq(zp_commit_bytes(), committed);
    ck_assert_uint_eq(zp_budget_tails(), tail);
    ck_assert_uint_eq(zp_budget_used(), tail);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained_bytes, tail);
    ck_assert_uint_eq(stats.live_bytes, usable);
    ck_assert_uint_eq(unit_resident_pages(slot->base, committed), committed / unit_page());
    ck_assert(zp_slot_is_zero(slot) && unit_is_zero(slot->base, committed));

    unit_put_written(slot); // pooled, all of it is retained alike
    ck_assert_uint_eq(slot->usable, committed);
    ck_assert_uint_eq(zp_budget_tails(), 0);
    ck_assert_uint_eq(zp_budget_used(), committed);
    ck_assert_ptr_eq(unit_get(held), slot);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert(unit_is_zero(slot->base, held));
    unit_put_written(slot);
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
}
END_TEST

// Breaks when a tail that the budget has no room for is kept all the same, or is still counted when
// it is given back.
START_TEST(a_tail_without_a_budget_is_given_back)
{
    start_uncached();
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    unit_put_written(slot);
    zp_budget_set_limit(ZP_MIB / 4);
    ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
    ck_assert_uint_eq(slot->usable, 9 * ZP_MIB / 2);
    ck_assert_uint_eq(slot->committed, slot->usable);
    ck_assert_uint_eq(zp_budget_tails(), 0);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), slot->committed);
}
END_TEST

// Breaks when a huge page is split to cut a tail: all of it would come back in small ones.
START_TEST(a_huge_page_is_not_cut)
{
    struct zp_pool_config config = uncached();
    config.arena.huge_pages = ZP_HUGE_ALL;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(20 * ZP_MIB);
    unit_put_written(slot);
    ck_assert_ptr_eq(unit_get(11 * ZP_MIB), slot); // with a third more: 14.7
    ck_assert_uint_eq(slot->usable, 11 * ZP_MIB);
    ck_assert_uint_eq(slot->committed, 16 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_tails(), 5 * ZP_MIB);
}
END_TEST

// ---- Growing ---------------------------------------------------------------------------------

// Whole pages, of whatever size.
static const size_t shorter[] = {1088 * ZP_KIB, 4160 * ZP_KIB};
static const size_t longer[] = {1216 * ZP_KIB, 4992 * ZP_KIB};

static unsigned populated;
static bool cannot_populate;

static int note_populate(void *address, size_t length, int advice)
{
    populated += advice == MADV_POPULATE_WRITE;
    if (advice == MADV_POPULATE_WRITE && cannot_populate) {
        errno = EINVAL;
        return -1;
    }
    return madvise(address, length, advice);
}

// Breaks when a pooled buffer that is too short for the request is not made longer, when what is
// added is not zero, or comes by a fault for each page although the owners write to the end, or
// when a buffer is taken to be wholly in memory that is not.
START_TEST(a_shorter_buffer_grows)
{
    start_uncached();
    zp_os_calls.madvise = note_populate;
    cannot_populate = _i / 2 == 1; // an old kernel
    size_t before = shorter[_i % 2], now = longer[_i % 2];
    struct zp_slot *slot = unit_get_or_fail(before);
    unit_put_written(slot);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    ck_assert_ptr_eq(unit_get(now), slot);
    ck_assert_uint_eq(slot->usable, now);
    ck_assert_uint_eq(slot->committed, now);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(populated, 1);
    size_t there = cannot_populate ? before : now;
    ck_assert_uint_eq(unit_resident_pages(slot->base, now), there / unit_page());
    ck_assert_int_eq(slot->content, cannot_populate ? ZP_CONTENT_ZERO : ZP_CONTENT_RESIDENT);
    ck_assert(unit_is_zero(slot->base, now));
    unit_put_written(slot);
    ck_assert_uint_eq(zp_budget_used(), now);
    ck_assert_ptr_eq(unit_get(now), slot);
    ck_assert(unit_is_zero(slot->base, now));
}
END_TEST

// Breaks when growing fetches pages for owners who do not write to the end.
START_TEST(what_is_not_filled_grows_without_pages)
{
    start_uncached();
    zp_os_calls.madvise = note_populate;
    struct zp_slot *slot = unit_get_or_fail(shorter[_i]);
    memset(slot->base, 1, ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(unit_get(longer[_i]), slot);
    ck_assert_uint_eq(populated, 0);
    ck_assert_int_eq(slot->content, ZP_CONTENT_ZERO);
    ck_assert_uint_eq(unit_resident_pages(slot->base, longer[_i]), ZP_MIB / unit_page());
    zp_pool_put(slot->base);
    ck_assert_uint_eq(unit_resident_pages(slot->base, longer[_i]), ZP_MIB / unit_page());
}
END_TEST

// Breaks when a buffer that is written to its end grows in small pages for ever, or when what comes
// anew is not zero or not counted.
START_TEST(what_is_filled_grows_in_huge_pages)
{
    struct zp_pool_config config = uncached();
    config.arena.huge_pages = ZP_HUGE_FILLED;
    unit_pool_start(&config);
    zp_os_calls.madvise = note_populate;
    struct zp_slot *slot = unit_get_or_fail(4200 * ZP_KIB);
    ck_assert(!slot->huge);
    unit_put_written(slot);
    ck_assert_ptr_eq(unit_get(4992 * ZP_KIB), slot);
    ck_assert(slot->huge);
    ck_assert_uint_eq(slot->usable, 4992 * ZP_KIB);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    unit_put_written(slot);
    ck_assert_uint_eq(zp_budget_used(), 4992 * ZP_KIB);
}
END_TEST

// ---- What waits to be scrubbed ---------------------------------------------------------------

// A pool with a helper that never comes: what it would do waits.
static void start_without_helper(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.scrub_behind = ZP_GIB;
    unit_pool_start(&config);
    zp_helper_pause();
}

// Breaks when a buffer that waits is made longer than its slot can hold, or not at all.
START_TEST(what_waits_grows_as_far_as_its_slot_can)
{
    start_without_helper();
    struct zp_slot *slot = unit_get_or_fail(3700 * ZP_KIB);
    unit_put_written(slot);
    struct zp_slot *other = unit_get(4 * ZP_MIB); // of the same class, but a page too much
    ck_assert_ptr_ne(other, slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_PENDING);
    ck_assert_ptr_eq(unit_get(3904 * ZP_KIB), slot);
    ck_assert_uint_eq(slot->usable, 3904 * ZP_KIB);
    ck_assert_uint_le(slot->committed, zp_arena_capacity(slot));
    ck_assert(unit_is_zero(slot->base, slot->usable));
}
END_TEST

// A buffer of 4.5 MiB that waits, with a tail of 0.5; nothing else is retained.
static struct zp_slot *put_with_tail(void)
{
    start_without_helper();
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    memset(slot->base, 0xA5, ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
    unit_put_written(slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_PENDING);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 9 * ZP_MIB / 2);
    ck_assert_uint_eq(zp_budget_tails(), ZP_MIB / 2);
    ck_assert_uint_eq(zp_budget_used(), 5 * ZP_MIB);
    return slot;
}

// Breaks when a buffer that waits loses its tail, or the charge for it, or is charged for it still
// when it is given back.
START_TEST(what_waits_keeps_its_tail)
{
    struct zp_slot *slot = put_with_tail();
    ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
    ck_assert_uint_eq(zp_budget_used(), ZP_MIB / 2);
    ck_assert_uint_eq(zp_budget_tails(), ZP_MIB / 2);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_PENDING);
    ck_assert_uint_eq(zp_pool_trim(), 5 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

static int fork_meanwhile(void *address, size_t length, unsigned char *vector)
{
    zp_epoch++;
    return mincore(address, length, vector);
}

// Breaks when another thread's fork, which comes while a request scrubs what waits, has its pages
// dropped and the charge for its tail stay.
START_TEST(a_fork_while_what_waits_is_scrubbed)
{
    struct zp_slot *slot = put_with_tail();
    zp_os_calls.mincore = fork_meanwhile;
    ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
    ck_assert_uint_eq(unit_resident_pages(slot->base, slot->usable), 0);
    ck_assert_uint_eq(slot->usable, 9 * ZP_MIB / 2);
    ck_assert_uint_eq(slot->epoch, zp_arena_epoch());
    ck_assert_uint_eq(zp_budget_tails(), zp_slot_tail(slot));
    ck_assert_uint_eq(zp_budget_used(), zp_slot_tail(slot));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, a_tail_stays_and_is_charged, 0, 4);
    tcase_add_test(tests, a_tail_without_a_budget_is_given_back);
    tcase_add_test(tests, a_huge_page_is_not_cut);
    tcase_add_loop_test(tests, a_shorter_buffer_grows, 0, 4);
    tcase_add_loop_test(tests, what_is_not_filled_grows_without_pages, 0, 2);
    tcase_add_test(tests, what_is_filled_grows_in_huge_pages);
    tcase_add_test(tests, what_waits_grows_as_far_as_its_slot_can);
    tcase_add_test(tests, what_waits_keeps_its_tail);
    tcase_add_test(tests, a_fork_while_what_waits_is_scrubbed);
    return unit_run("get_length", tests);
}
