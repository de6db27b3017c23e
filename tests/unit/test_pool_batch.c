// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/pool_batch.h"
#include "core/scrub_queue.h"
#include "support.h"

enum { MANY = 20 };

static struct zp_pool_stats stats(void)
{
    struct zp_pool_stats now;
    zp_pool_stats(&now);
    return now;
}

static void get_all(void **buffers, size_t size)
{
    size_t sizes[MANY];
    for (unsigned i = 0; i < MANY; i++)
        sizes[i] = size;
    zp_pool_get_batch(0, buffers, sizes, MANY, NULL);
    for (unsigned i = 0; i < MANY; i++) {
        if (buffers[i] == NULL)
            buffers[i] = unit_get_or_fail(size)->start;
        ck_assert_int_eq(((char *)buffers[i])[size - 1], 0);
        memset(buffers[i], 1, size);
    }
}

static void put_all(void **buffers)
{
    zp_pool_put_batch(buffers, MANY, NULL);
}

// Breaks when a batch loses a buffer, a charge or a count.
START_TEST(batches_are_served_from_the_shards)
{
    unit_pool_start_default();
    void *buffers[MANY];
    get_all(buffers, ZP_MIB);
    ck_assert_uint_eq(stats().counters.fresh, MANY);
    put_all(buffers);
    ck_assert_uint_eq(stats().pooled_bytes, MANY * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), MANY * ZP_MIB);
    get_all(buffers, ZP_MIB);
    ck_assert_uint_eq(stats().counters.shard_hits, MANY);
    ck_assert_uint_eq(stats().live_buffers, MANY);
    ck_assert_uint_eq(stats().retained_bytes, 0);
    ck_assert_uint_eq(zp_budget_used(), 0);
    buffers[3] = NULL; // no buffer of the pool: left alone
    put_all(buffers);
    ck_assert_uint_eq(stats().live_buffers, 1);
}
END_TEST

// Breaks when more is kept than the budget and the shards have room for.
START_TEST(a_batch_beyond_the_limits_is_given_back)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 8 * ZP_MIB;
    config.shards = 1;
    config.most_per_shard = 4;
    unit_pool_start(&config);
    void *buffers[MANY];
    get_all(buffers, ZP_MIB);
    put_all(buffers);
    ck_assert_uint_eq(stats().retained_bytes, 4 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    get_all(buffers, 16 * ZP_MIB / 10);
    put_all(buffers);
    ck_assert_uint_le(stats().retained_bytes, 8 * ZP_MIB);
    ck_assert_uint_eq(stats().live_buffers, 0);
}
END_TEST

static int refuse(void *address, size_t length, int advice)
{
    (void)address, (void)length, (void)advice;
    errno = EINVAL;
    return -1;
}

static int cannot_look(void *address, size_t length, unsigned char *vector)
{
    (void)address, (void)length, (void)vector;
    errno = EPERM;
    return -1;
}

// Breaks when a buffer of a batch that cannot be made zero is kept.
START_TEST(what_cannot_be_scrubbed_is_not_kept)
{
    unit_pool_start_default();
    void *buffers[MANY];
    get_all(buffers, ZP_MIB);
    zp_os_calls.madvise = refuse;
    zp_os_calls.mincore = cannot_look;
    put_all(buffers);
    ck_assert_uint_eq(stats().retained_bytes, 0);
    ck_assert_uint_eq(stats().counters.unretained, MANY);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// Breaks when a batch passes by the ways that other buffers go: shared by a fork, read-only, left
// to the helper, checked.
START_TEST(other_ways_are_gone_one_by_one)
{
    struct zp_pool_config config = unit_pool_config();
    config.scrub_behind = 64 * ZP_MIB;
    unit_pool_start(&config);
    void *buffers[MANY];
    get_all(buffers, 2 * ZP_MIB);
    struct zp_slot *changed = zp_arena_slot(buffers[0]), *frozen = zp_arena_slot(buffers[1]);
    zp_slot_note_change(changed);
    ck_assert_int_eq(zp_readonly_begin(frozen), 0);
    zp_readonly_retain(frozen);
    put_all(buffers);
    ck_assert_int_eq(changed->state, ZP_SLOT_COLD);
    ck_assert_int_eq(frozen->state, ZP_SLOT_LIVE);
    ck_assert_uint_eq(stats().counters.puts, MANY - 1);
    ck_assert_uint_eq(stats().live_buffers, 1);
    ck_assert_uint_eq(stats().counters.dropped, 1);
    ck_assert_uint_ne(stats().counters.puts_queued, 0);
    zp_pool_end();
}
END_TEST

// Breaks when a double free goes unseen in a batch; ignored where nothing is checked.
START_TEST(a_buffer_that_is_free_is_left_alone_unchecked)
{
    struct zp_pool_config config = unit_pool_config();
    config.check = ZP_CHECK_OFF;
    unit_pool_start(&config);
    void *twice[2];
    twice[0] = twice[1] = unit_get_or_fail(ZP_MIB)->start;
    zp_pool_put_batch(twice, 2, NULL);
    ck_assert_uint_eq(stats().counters.puts, 1);
    ck_assert_uint_eq(stats().pooled_bytes, ZP_MIB);
}
END_TEST

// Breaks when a try serves what is not at hand, or keeps a charge that is nobody's.
START_TEST(a_try_takes_what_is_at_hand)
{
    struct zp_pool_config config = unit_pool_config();
    ck_assert_ptr_null(zp_pool_get_at_hand(0, ZP_MIB)); // not started
    config.thread_cache_most = 1;
    unit_pool_start(&config);
    ck_assert_ptr_null(zp_pool_get_at_hand(0, 4 * ZP_MIB)); // nothing there
    struct zp_slot *one = unit_get_or_fail(4 * ZP_MIB), *two = unit_get_or_fail(4 * ZP_MIB);
    memset(one->start, 1, 4 * ZP_MIB);
    memset(two->start, 1, 4 * ZP_MIB);
    zp_pool_put(one->start);
    zp_pool_put(two->start);
    ck_assert_ptr_null(zp_pool_get_at_hand(0, 2 * ZP_MIB)); // its rest would have to be given back
    ck_assert_ptr_eq(zp_pool_get_at_hand(0, 4 * ZP_MIB), two); // the thread's cache
    unit_let_pass(5000);                                       // the kernel may have taken pages
    ck_assert_ptr_eq(zp_pool_get_at_hand(0, 4 * ZP_MIB - ZP_MIB / 2), one);
    ck_assert_uint_eq(stats().tail_bytes, zp_slot_tail(one));
    ck_assert_uint_eq(stats().counters.shard_hits, 1);
    ck_assert_int_eq(one->start[0], 0);
    ck_assert_ptr_null(zp_pool_get_at_hand(0, 4 * ZP_MIB));
    ck_assert_ptr_null(zp_pool_get_at_hand(0, 2 * ZP_CLASS_MAX));
    zp_pool_put(one->start);
    zp_pool_flush();
    ck_assert_uint_eq(zp_budget_used(), zp_shards_bytes());
    // Another thread is emptying the cache: a try does not wait for it.
    __atomic_store_n(&zp_thread_cache->claimed, true, __ATOMIC_SEQ_CST);
    ck_assert_ptr_null(zp_pool_get_at_hand(0, 4 * ZP_MIB));
    __atomic_store_n(&zp_thread_cache->claimed, false, __ATOMIC_SEQ_CST);
    ck_assert_ptr_nonnull(zp_pool_get_at_hand(0, 4 * ZP_MIB));
}
END_TEST

// Breaks when a try hands out pages that a fork shares: to drop them takes a system call.
START_TEST(a_try_leaves_what_needs_work)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.content.scrub_again = true;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(ZP_MIB);
    zp_pool_put(slot->start);
    ck_assert_ptr_null(zp_pool_get_at_hand(0, ZP_MIB)); // it would be made zero again
    ck_assert_int_eq(slot->state, ZP_SLOT_POOLED);
}
END_TEST

// Breaks when prewarming goes beyond the budget, counts wrongly, or keeps what a fork shares.
START_TEST(prewarming_makes_what_there_is_room_for)
{
    ck_assert_uint_eq(zp_pool_prewarm_now(0, ZP_MIB, 1), 0); // not started
    struct zp_pool_config config = unit_pool_config();
    config.arena.smallest = ZP_MIB;
    unit_pool_start(&config);
    ck_assert_uint_eq(zp_pool_prewarm_now(0, 4 * ZP_MIB, 3), 3);
    ck_assert_uint_eq(stats().retained_bytes, 12 * ZP_MIB);
    ck_assert_uint_eq(unit_resident_pages(unit_get_or_fail(4 * ZP_MIB)->base, 4 * ZP_MIB),
                      4 * ZP_MIB / unit_page());
    ck_assert_uint_eq(stats().counters.fresh, 0);
    ck_assert_uint_eq(zp_pool_prewarm_now(0, 4 * ZP_MIB, SIZE_MAX), 14); // of 64 MiB
    ck_assert_uint_eq(zp_pool_prewarm_now(0, ZP_MIB / 2, 1), 0);
    ck_assert_uint_eq(zp_pool_prewarm_now(0, SIZE_MAX, 1), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, batches_are_served_from_the_shards);
    tcase_add_test(tests, a_batch_beyond_the_limits_is_given_back);
    tcase_add_test(tests, what_cannot_be_scrubbed_is_not_kept);
    tcase_add_test(tests, other_ways_are_gone_one_by_one);
    tcase_add_test(tests, a_buffer_that_is_free_is_left_alone_unchecked);
    tcase_add_test(tests, a_try_takes_what_is_at_hand);
    tcase_add_test(tests, a_try_leaves_what_needs_work);
    tcase_add_test(tests, prewarming_makes_what_there_is_room_for);
    return unit_run("pool_batch", tests);
}
