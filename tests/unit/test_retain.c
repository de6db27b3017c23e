// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is retained, for how long, and in what condition, by a clock that the tests move.

#include "core/commit.h"
#include "sleepers.h"

#include <pthread.h>

enum { MOST = 120 };

// Uses `count` buffers of `size` bytes at once and puts them all.
static void use_many(struct zp_slot **slots, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        slots[i] = unit_get_or_fail(size);
    for (unsigned i = 0; i < count; i++)
        unit_put_written(slots[i]);
}

// A slow way that leaves nothing behind: a request that no region of this arena serves.
static void pass_by(void)
{
    MUST(unit_get(ZP_CLASS_MAX) == NULL);
}

static size_t retained(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    return stats.retained;
}

static struct zp_pool_config uncached(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    return config;
}

// ---- Advice ----------------------------------------------------------------------------------

// Calls of MADV_FREE.
static struct {
    unsigned calls;
    size_t bytes;
    void *last;
    int error; // to answer with
} marks_seen;

static int (*real_madvise)(void *address, size_t length, int advice);

static int note_madvise(void *address, size_t length, int advice)
{
    if (advice != MADV_FREE)
        return real_madvise(address, length, advice);
    marks_seen.calls++;
    marks_seen.bytes += length;
    marks_seen.last = address;
    if (marks_seen.error != 0) {
        errno = marks_seen.error;
        return -1;
    }
    return real_madvise(address, length, advice);
}

static void watch_marks(void)
{
    real_madvise = zp_os_calls.madvise;
    zp_os_calls.madvise = note_madvise;
}

// Breaks when what lies in huge pages is not marked the moment it enters a shard, or more of it is
// than that, or it is marked in a thread's cache already.
START_TEST(huge_parts_are_marked_at_once)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.huge_pages = ZP_HUGE_ALL;
    config.thread_cache_most = 1;
    unit_pool_start(&config);
    watch_marks();
    struct zp_slot *slots[2] = {unit_get_or_fail(5 * ZP_MIB), unit_get_or_fail(3 * ZP_MIB)};
    unit_put_written(slots[0]);
    ck_assert_uint_eq(marks_seen.calls, 0);
    unit_put_written(slots[1]); // drives the other out into a shard
    ck_assert_uint_eq(marks_seen.calls, 1);
    ck_assert_ptr_eq(marks_seen.last, slots[0]->base);
    ck_assert_uint_eq(marks_seen.bytes, 4 * ZP_MIB);
    ck_assert_int_eq(slots[0]->reclaimable, ZP_RECLAIMABLE_HUGE);
    ck_assert_int_eq(slots[1]->reclaimable, ZP_RECLAIMABLE_NONE);
}
END_TEST

// Breaks when small pages are marked while they may be wanted back at once, when they are not
// marked once idle, or when they are marked again and again.
START_TEST(small_pages_are_marked_only_when_idle)
{
    struct zp_pool_config config = uncached();
    unit_pool_start(&config);
    watch_marks();
    struct zp_slot *slots[3];
    use_many(slots, 3, ZP_MIB);
    struct zp_slot *large = unit_get_or_fail(5 * ZP_MIB);
    unit_put_written(large);
    ck_assert_uint_eq(marks_seen.calls, 0);
    unit_let_pass(900);
    pass_by();
    ck_assert_uint_eq(marks_seen.calls, 0);
    unit_let_pass(2000);
    pass_by();
    ck_assert_uint_eq(marks_seen.calls, 4);
    ck_assert_uint_eq(marks_seen.bytes, 8 * ZP_MIB);
    ck_assert_int_eq(large->reclaimable, ZP_RECLAIMABLE_ALL);
    for (unsigned i = 0; i < 4; i++) {
        unit_let_pass(1000);
        pass_by();
    }
    ck_assert_uint_eq(marks_seen.calls, 4);
    ck_assert_uint_eq(retained(), 8 * ZP_MIB);
    // One that comes back and goes again has to wait again.
    struct zp_slot *again = unit_get_or_fail(5 * ZP_MIB);
    ck_assert_ptr_eq(again, large);
    ck_assert_int_eq(again->reclaimable, ZP_RECLAIMABLE_NONE);
    ck_assert(unit_is_zero(again->base, again->usable));
    unit_put_written(again);
    ck_assert_uint_eq(marks_seen.calls, 4);
    unit_let_pass(1500);
    pass_by();
    ck_assert_uint_eq(marks_seen.calls, 5);
    ck_assert_ptr_eq(marks_seen.last, large->base);
}
END_TEST

// Breaks when a marked buffer whose pages the kernel has taken, some or all, is not zero, or not
// usable, or is thought to be in memory.
START_TEST(what_the_kernel_took_is_zero)
{
    struct zp_pool_config config = uncached();
    unit_pool_start(&config);
    struct zp_slot *slots[2];
    use_many(slots, 2, 3 * ZP_MIB);
    unit_let_pass(1500);
    pass_by();
    ck_assert_int_eq(slots[0]->reclaimable, ZP_RECLAIMABLE_ALL);
    for (unsigned i = 0; i < 2; i++) // as the kernel does: page by page, of its own accord
        madvise(slots[i]->base + i * ZP_MIB, ZP_MIB, MADV_DONTNEED);
    for (unsigned i = 0; i < 2; i++) {
        struct zp_slot *slot = unit_get_or_fail(3 * ZP_MIB);
        ck_assert(zp_slot_is_zero(slot) && !(slot->content == ZP_CONTENT_RESIDENT));
        ck_assert(unit_is_zero(slot->base, slot->usable));
        unit_put_written(slot);
        slot = unit_get_or_fail(3 * ZP_MIB);
        ck_assert(unit_is_zero(slot->base, slot->usable));
    }
}
END_TEST

// Breaks when marking changes which buffers leave next, or how old one is. CLOCK-Pro may let those
// that are marked leave in any order, before the others.
START_TEST(marking_leaves_the_order)
{
    struct zp_pool_config config = uncached();
    config.shards = 1;
    config.budget = 8 * ZP_MIB;
    config.eviction = _i == 0 ? &zp_eviction_lifo : &zp_eviction_clockpro;
    unit_pool_start(&config);
    struct zp_slot *slots[8], *large[3];
    for (unsigned i = 0; i < 8; i++)
        slots[i] = unit_get_or_fail(ZP_MIB);
    for (unsigned i = 0; i < 3; i++)
        large[i] = unit_get_or_fail(2 * ZP_MIB);
    for (unsigned i = 0; i < 4; i++)
        unit_put_written(slots[i]);
    unit_let_pass(1500);
    for (unsigned i = 4; i < 8; i++) // one of these calls marks the first four
        unit_put_written(slots[i]);
    ck_assert_int_eq(slots[0]->reclaimable, ZP_RECLAIMABLE_ALL);
    ck_assert_int_eq(slots[3]->reclaimable, ZP_RECLAIMABLE_ALL);
    ck_assert_int_eq(slots[7]->reclaimable, ZP_RECLAIMABLE_NONE);
    for (unsigned i = 0; i < 3; i++) { // each drives two out
        unit_put_written(large[i]);
        unsigned gone[2] = {0, 0}; // of those that are marked, and of the others
        for (unsigned j = 0; j < 8; j++) {
            bool cold = slots[j]->state == ZP_SLOT_COLD;
            ck_assert(_i == 1 || cold == (j < 2 * i + 2));
            gone[j / 4] += cold;
        }
        ck_assert_uint_eq(gone[0], i == 0 ? 2 : 4);
        ck_assert_uint_eq(gone[1], i == 2 ? 2 : 0);
    }
}
END_TEST

// Breaks when a kernel that does not know the advice is asked for ever, or buffers are lost or kept
// for ever there; or when the advice is given against the user's word.
START_TEST(without_the_advice_there_is_decay)
{
    struct zp_pool_config config = uncached();
    config.arena.huge_pages = ZP_HUGE_ALL;
    config.reclaim = _i != 3;
    unit_pool_start(&config);
    static const int errors[] = {EINVAL, EPERM, ENOSYS, 0};
    marks_seen.error = errors[_i];
    watch_marks();
    struct zp_slot *slots[6];
    errno = 4711;
    use_many(slots, 6, 4 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++) {
        unit_let_pass(1500);
        pass_by();
    }
    ck_assert_int_eq(errno, 4711);
    // EINVAL may be meant for the one buffer: fresh memory is tried once.
    ck_assert_uint_eq(marks_seen.calls, _i == 0 ? 2 : _i != 3);
    ck_assert_uint_eq(retained(), 24 * ZP_MIB);
    struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
    ck_assert((slot->content == ZP_CONTENT_RESIDENT) && unit_is_zero(slot->base, slot->usable));
    zp_pool_put(slot->base);
    unit_let_pass(20000);
    for (unsigned i = 0; i < 4; i++)
        pass_by();
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// ---- Decay -----------------------------------------------------------------------------------

// Breaks when less than 95 % is back after a minute, or more than a handful of requests is needed:
// with little and with much.
START_TEST(a_minute_later_all_is_back)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = 48 * ZP_GIB;
    config.budget = 2 * ZP_GIB;
    config.most_per_shard = 64;
    config.decay.idle_ms = _i == 0 ? 10000 : 50000;
    unit_pool_start(&config);
    struct zp_slot *slots[MOST];
    use_many(slots, 40, ZP_MIB);
    if (_i == 0) {
        use_many(slots, 10, 8 * ZP_MIB);
    } else {
        // 1.3 GiB, untouched: the pool does not know.
        for (unsigned i = 0; i < MOST; i++)
            slots[i] = unit_get_or_fail((8 + 2 * (i / 30)) * ZP_MIB);
        for (unsigned i = 0; i < MOST; i++)
            zp_pool_put(slots[i]->base);
    }
    size_t before = retained();
    ck_assert_uint_eq(before, (_i == 0 ? 120 : 1360) * ZP_MIB);
    unit_let_pass(60000);
    for (unsigned i = 0; i < 8; i++)
        zp_pool_put(unit_get_or_fail(100 * ZP_KIB)->base);
    ck_assert_uint_le(retained(), before / 20);
    ck_assert_uint_le(zp_commit_bytes(), before / 20);
    ck_assert_uint_ge(unit_counters().decayed, _i == 0 ? 45 : 140);
    ck_assert_uint_eq(retained(), zp_shards_bytes() + zp_thread_cache_bytes(zp_thread_cache));
}
END_TEST

// Breaks when decay waits for less than it should, or takes what is in use.
START_TEST(what_is_not_idle_stays)
{
    unit_pool_start_default();
    struct zp_slot *slots[8];
    use_many(slots, 8, 2 * ZP_MIB);
    for (unsigned i = 0; i < 30; i++) { // 24 s, every buffer used every 0.8
        unit_let_pass(800);
        use_many(slots, 8, 2 * ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().decayed, 0);
    ck_assert_uint_eq(unit_counters().fresh, 8);
    unit_let_pass(9000);
    pass_by();
    ck_assert_uint_eq(retained(), 16 * ZP_MIB);
}
END_TEST

// Breaks when a buffer that was worked on for longer than the idle time counts as idle the moment
// it is freed, by the thread that got it or by another one's first call.
START_TEST(what_was_in_use_for_long_is_kept)
{
    unit_pool_start_default();
    for (unsigned i = 0; i < 5; i++) {
        struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
        unit_let_pass(15000);
        unit_put_written(slot);
        ck_assert_uint_eq(retained(), 4 * ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().fresh, 1);
    ck_assert_uint_eq(unit_counters().decayed, 0);
}
END_TEST

static void *put_in_thread(void *slot)
{
    unit_put_written(slot);
    return NULL;
}

static void run_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, function, argument), 0);
    pthread_join(thread, NULL);
}

START_TEST(the_first_put_of_a_thread_is_kept)
{
    unit_now = 1000000; // long after the moment that a new cache might think it is
    unit_pool_start_default();
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
        unit_let_pass(15000);
        run_thread(put_in_thread, slot);
        ck_assert_uint_eq(retained(), 4 * ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().decayed, 0);
}
END_TEST

// Breaks when a thread on the fast ways, which look at no clock, is taken for idle.
START_TEST(fast_ways_count_as_use)
{
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = false;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(ZP_MIB);
    zp_pool_put(slot->base);
    for (unsigned i = 0; i < 20; i++) {
        unit_let_pass(1000);
        void *newest = zp_pool_get_newest(ZP_MIB);
        MUST(newest != NULL);
        zp_pool_put(newest);
    }
    pass_by();
    ck_assert_uint_eq(retained(), ZP_MIB);
    ck_assert_uint_eq(unit_counters().decayed, 0);
}
END_TEST

// Breaks when `never` gives something back, even after months, or the clock's wrap-around does.
START_TEST(never_is_never)
{
    struct zp_pool_config config = unit_pool_config();
    config.decay.idle_ms = ZP_DECAY_NEVER;
    unit_now = UINT32_MAX - 5000;
    unit_pool_start(&config);
    struct zp_slot *slots[8];
    use_many(slots, 8, 2 * ZP_MIB);
    for (unsigned i = 0; i < 60; i++) {
        unit_let_pass(86400000);
        pass_by();
        ck_assert_uint_eq(retained(), 16 * ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().decayed, 0);
    ck_assert_uint_eq(zp_pool_trim(), 16 * ZP_MIB);
}
END_TEST

// Breaks when a trim, or the want of memory, does not get at what has been idle for weeks: the
// clock counts 49 days.
START_TEST(ages_of_a_month)
{
    struct zp_pool_config config = unit_pool_config();
    config.decay.idle_ms = _i == 0 ? ZP_DECAY_NEVER : 10000;
    unit_pool_start(&config);
    struct zp_slot *slots[8];
    use_many(slots, 8, 2 * ZP_MIB);
    unit_let_pass(30u * 86400000);
    if (_i == 0)
        zp_pool_trim();
    for (unsigned i = 0; i < 8; i++)
        pass_by();
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when with no idle time at all something is retained.
START_TEST(at_once_is_at_once)
{
    struct zp_pool_config config = unit_pool_config();
    config.decay.idle_ms = 0;
    unit_pool_start(&config);
    for (unsigned i = 0; i < 5; i++) {
        struct zp_slot *slots[4];
        use_many(slots, 4, (i + 1) * ZP_MIB);
        ck_assert_uint_eq(retained(), 0);
        ck_assert_uint_eq(zp_commit_bytes(), 0);
    }
    ck_assert_uint_eq(zp_budget_peak(), 0);
}
END_TEST

// ---- The budget ------------------------------------------------------------------------------

static size_t limit_now;

static bool limits_now(size_t so_much, struct zp_decay_limits *limits)
{
    (void)so_much;
    *limits = (struct zp_decay_limits){limit_now, SIZE_MAX, true};
    return limit_now != 0;
}

// Breaks when the limit does not follow what it is made from, is asked for all the time, or what is
// above a lower one stays: in shards, in the own cache, in those of others.
START_TEST(the_budget_follows)
{
    struct zp_pool_config config = _i == 0 ? uncached() : unit_pool_config();
    limit_now = config.budget;
    config.decay.limits_now = limits_now;
    config.decay.idle_ms = ZP_DECAY_NEVER;
    unit_pool_start(&config);
    struct zp_slot *slots[12];
    if (_i == 2)
        start_sleepers(); // 24 MiB
    else
        use_many(slots, 12, 2 * ZP_MIB);
    limit_now = 5 * ZP_MIB;
    pass_by();
    ck_assert_uint_eq(zp_budget_used(), 24 * ZP_MIB); // it is too early to look
    unit_let_pass(7000);
    pass_by();
    ck_assert_uint_eq(zp_budget_limit(), 5 * ZP_MIB);
    ck_assert_uint_le(zp_budget_used(), 5 * ZP_MIB);
    limit_now = 0; // it cannot be told just now
    unit_let_pass(7000);
    pass_by();
    ck_assert_uint_eq(zp_budget_limit(), 5 * ZP_MIB);
    limit_now = 40 * ZP_MIB;
    unit_let_pass(7000);
    pass_by();
    ck_assert_uint_eq(zp_budget_limit(), 40 * ZP_MIB);
    use_many(slots, 12, 3 * ZP_MIB);
    ck_assert_uint_gt(zp_budget_used(), 30 * ZP_MIB);
    if (_i == 2)
        end_sleepers();
    ck_assert_uint_le(zp_budget_used(), 40 * ZP_MIB);
}
END_TEST

// Breaks when any order of operations, lapses of time and changes of the limit retains more than
// the limit, or loses count.
START_TEST(never_more_than_the_budget)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 20 * ZP_MIB;
    config.put.thread_cache_bytes = 6 * ZP_MIB;
    config.content.scrub = false; // for speed
    config.most_per_shard = 4;
    config.eviction = _i == 0 ? &zp_eviction_lifo : &zp_eviction_clockpro;
    config.arena.huge_pages = ZP_HUGE_ALL;
    unit_pool_start(&config);
    struct unit_random random = unit_random_start("budget", 20);
    struct zp_slot *live[16] = {NULL};
    for (unsigned step = 0; step < 20000 / UNIT_SLOWER; step++) {
        struct zp_slot **slot = &live[unit_random_below(&random, 16)];
        if (*slot != NULL) {
            zp_pool_put((*slot)->base);
            *slot = NULL;
        } else {
            *slot = unit_get(ZP_CLASS_MIN + unit_random_below(&random, 7 * ZP_MIB));
        }
        if (unit_random_below(&random, 4) == 0)
            unit_let_pass((uint32_t)unit_random_below(&random, 2000));
        if (unit_random_below(&random, 1000) == 0)
            unit_let_pass(30000);
        MUST(zp_budget_used() <= 20 * ZP_MIB);
        MUST(zp_shards_bytes() + zp_thread_cache->granted + zp_budget_tails() == zp_budget_used());
        MUST(zp_thread_cache_bytes(zp_thread_cache) <= zp_thread_cache->granted);
        MUST(zp_thread_cache->granted <= 6 * ZP_MIB);
    }
    struct zp_counters counters = unit_counters();
    ck_assert_uint_gt(counters.evicted, 100);
    ck_assert_uint_gt(counters.decayed, 10);
    ck_assert_uint_gt(counters.shard_hits, 100);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, huge_parts_are_marked_at_once);
    tcase_add_test(tests, small_pages_are_marked_only_when_idle);
    tcase_add_test(tests, what_the_kernel_took_is_zero);
    tcase_add_loop_test(tests, marking_leaves_the_order, 0, 2);
    tcase_add_loop_test(tests, without_the_advice_there_is_decay, 0, 4);
    tcase_add_loop_test(tests, a_minute_later_all_is_back, 0, 2);
    tcase_add_test(tests, what_is_not_idle_stays);
    tcase_add_test(tests, what_was_in_use_for_long_is_kept);
    tcase_add_test(tests, the_first_put_of_a_thread_is_kept);
    tcase_add_test(tests, fast_ways_count_as_use);
    tcase_add_test(tests, never_is_never);
    tcase_add_loop_test(tests, ages_of_a_month, 0, 2);
    tcase_add_test(tests, at_once_is_at_once);
    tcase_add_loop_test(tests, the_budget_follows, 0, 3);
    tcase_add_loop_test(tests, never_more_than_the_budget, 0, 2);
    return unit_run("retain", tests);
}
