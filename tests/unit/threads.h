// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the tests with threads share: starting them, and what must hold when all have ended.

#ifndef ZP_TESTS_UNIT_THREADS_H
#define ZP_TESTS_UNIT_THREADS_H

#include "core/scrub_queue.h"
#include "support.h"

static inline void start_threads(pthread_t *threads, unsigned count, void *(*function)(void *),
                                 void *const *arguments)
{
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, function, arguments[i]), 0);
}

static inline void join_threads(const pthread_t *threads, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

static inline void *run_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, function, argument), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return result;
}

static inline void must_be_cold(struct zp_slot *slot)
{
    MUST(slot->state == ZP_SLOT_COLD);
}

static inline bool all_is_scrubbed(void)
{
    return zp_scrub_queue_bytes() == 0;
}

static inline void check_nothing_lost(uint64_t gets)
{
    ck_assert(unit_comes_true(all_is_scrubbed));
    zp_pool_end(); // the helper, if there is one, may have a buffer in its hands
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(zp_counters_served(&stats.counters), gets);
    ck_assert_uint_eq(stats.counters.puts, gets);
    ck_assert_uint_eq(stats.counters.refused, 0);
    ck_assert_uint_eq(stats.live_buffers, 0);
    ck_assert_uint_le(stats.retained_bytes, zp_budget_used());
    ck_assert_uint_le(zp_budget_peak(), zp_budget_limit());

    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    zp_arena_visit(must_be_cold);
}

#endif
