// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The work of time, by a clock that the tests move and a stopwatch that moves with what the pool
// asks of the kernel.

#include "core/reclaim.h"
#include "support.h"

#include <pthread.h>

// What each call costs in this test, and the most that one of the program's may spend: 3 ms, and
// the unit that it is at then, of 4 MiB.
enum { MICROSECONDS_PER_MIB = 150, MOST_US = 3000 + 4 * MICROSECONDS_PER_MIB };

static struct {
    size_t given_back, marked; // bytes, since they were last asked for
    unsigned marks;
} asked;

static void take_time(size_t length)
{
    unit_let_work_take((uint32_t)(length * MICROSECONDS_PER_MIB / ZP_MIB));
}

// Bytes of a range that are in memory: only to give those back takes time.
static size_t resident(void *address, size_t length)
{
    static unsigned char pages[64 * ZP_MIB / 4096];
    size_t bytes = 0, page = zp_os_page_size();
    MUST(length / page <= sizeof(pages) && mincore(address, length, pages) == 0);
    for (size_t i = 0; i < length / page; i++)
        bytes += (pages[i] & 1) != 0 ? page : 0;
    return bytes;
}

static void give_back(void *address, size_t length)
{
    size_t bytes = resident(address, length);
    take_time(bytes);
    asked.given_back += bytes;
}

static int slow_madvise(void *address, size_t length, int advice)
{
    if (advice == MADV_DONTNEED)
        give_back(address, length);
    if (advice == MADV_FREE) {
        take_time(length);
        asked.marked += length;
        asked.marks++;
    }
    return madvise(address, length, advice);
}

static void *slow_mmap(void *address, size_t length, int protection, int flags, int fd,
                       off_t offset)
{
    if ((flags & MAP_FIXED) != 0)
        give_back(address, length);
    return mmap(address, length, protection, flags, fd, offset);
}

static void start(struct zp_pool_config *config)
{
    config->arena.reserve = 48 * ZP_GIB;
    config->most_per_shard = 64;
    unit_pool_start(config);
    zp_os_calls.madvise = slow_madvise;
    zp_os_calls.mmap = slow_mmap;
}

static struct zp_pool_config uncached(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.retain.budget = 512 * ZP_MIB;
    return config;
}

// A slow way that leaves nothing behind: a request that no class serves. Returns how long it took.
static uint32_t pass_by(void)
{
    uint32_t before = unit_stopwatch();
    asked.given_back = asked.marked = asked.marks = 0;
    MUST(zp_pool_get(ZP_MIB, (size_t)1 << 40) == NULL);
    return unit_stopwatch() - before;
}

static size_t retained(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    return stats.retained;
}

enum { MOST = 64 };

static void get_all(struct zp_slot **slots, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        slots[i] = unit_get(size);
        MUST(slots[i] != NULL);
        memset(slots[i]->base, 0xA5, slots[i]->committed);
    }
}

static void put_all(struct zp_slot **slots, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        zp_pool_put(slots[i]->base);
}

static void use(unsigned count, size_t size)
{
    struct zp_slot *slots[MOST];
    get_all(slots, count, size);
    put_all(slots, count);
}

// ---- Bounded ---------------------------------------------------------------------------------

// Breaks when one call gives back, or marks, for longer than it may, or when nothing goes on after
// it: many small buffers, some large ones, one that is larger than what a call may do.
START_TEST(no_call_takes_long)
{
    struct zp_pool_config config = uncached();
    start(&config);
    use(48, ZP_MIB);
    use(12, 12 * ZP_MIB);
    use(1, 30 * ZP_MIB);
    size_t before = retained();
    ck_assert_uint_eq(before, 222 * ZP_MIB);
    unsigned calls = 0;
    unit_let_pass(2000);
    for (uint32_t took = 1; took != 0; calls++)
        MUST((took = pass_by()) <= MOST_US + 4 * MICROSECONDS_PER_MIB); // marked in steps of 8 MiB
    ck_assert_uint_eq(retained(), before);
    ck_assert_uint_ge(calls, before / ZP_MIB * MICROSECONDS_PER_MIB / MOST_US);
    unit_let_pass(20000);
    for (calls = 0; retained() != 0; calls++) {
        MUST(pass_by() <= MOST_US);
        MUST(calls < 30);
    }
    ck_assert_uint_ge(calls, 7);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_arena_committed(), 0);
    ck_assert_uint_eq(unit_counters().decayed, 61);
}
END_TEST

// Breaks when a call does nothing because the machine is so slow that its time is over at once.
START_TEST(a_slow_machine_goes_on)
{
    struct zp_pool_config config = uncached();
    start(&config);
    use(1, 30 * ZP_MIB);
    unit_let_pass(20000);
    for (unsigned i = 0; i < 9; i++) {
        unit_let_work_take(1000000);
        pass_by();
    }
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when what is left of a buffer that goes back in parts is lost, uncounted, too young, or
// not zero and whole for its next owner.
START_TEST(a_large_buffer_goes_in_parts)
{
    struct zp_pool_config config = uncached();
    config.shards = 1;
    start(&config);
    struct zp_slot *large;
    get_all(&large, 1, 30 * ZP_MIB);
    put_all(&large, 1);
    uint32_t since = large->since;
    unit_let_pass(5000);
    use(3, 2 * ZP_MIB);
    unit_let_pass(6000);
    do // marking comes first in some of these
        MUST(pass_by() <= MOST_US + 4 * MICROSECONDS_PER_MIB);
    while (large->committed == 30 * ZP_MIB);
    ck_assert_int_eq(large->state, ZP_SLOT_POOLED);
    ck_assert_uint_eq(large->since, since);
    size_t rest = large->committed;
    ck_assert_uint_ge(rest, 4 * ZP_MIB);
    ck_assert_uint_eq(retained(), rest + 6 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), rest + 6 * ZP_MIB);
    ck_assert_uint_le(unit_resident_pages(large->base, rest), rest / unit_page());

    struct zp_slot *again = unit_get(30 * ZP_MIB);
    ck_assert_ptr_eq(again, large);
    ck_assert(unit_is_zero(again->base, again->committed));
    memset(again->base, 1, again->committed);
    zp_pool_put(again->base);
    again = unit_get(30 * ZP_MIB);
    ck_assert(unit_is_zero(again->base, again->committed));
    zp_pool_put(again->base);
    ck_assert_uint_eq(zp_budget_used(), 36 * ZP_MIB);
}
END_TEST

// Breaks when the parts of several large buffers are not taken oldest first, one after the other.
START_TEST(the_oldest_goes_first)
{
    struct zp_pool_config config = uncached();
    config.shards = 1;
    config.retain.reclaim = false;
    start(&config);
    struct zp_slot *slots[3];
    get_all(slots, 3, 14 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++) {
        zp_pool_put(slots[i]->base);
        unit_let_pass(10);
    }
    unit_let_pass(20000);
    for (unsigned calls = 0; slots[2]->state == ZP_SLOT_POOLED; calls++) {
        pass_by();
        for (unsigned i = 0; i < 2; i++)
            MUST(slots[i]->state == ZP_SLOT_COLD || slots[i + 1]->committed == 14 * ZP_MIB);
        MUST(calls < 10);
    }
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when what is in quarantine is given back all at once, or lost on the way.
START_TEST(quarantine_goes_in_parts)
{
    struct zp_pool_config config = unit_pool_config();
    unit_check_fully(&config, 64 * ZP_MIB);
    start(&config);
    use(1, 30 * ZP_MIB);
    unit_let_pass(20000);
    unsigned calls = 0;
    for (; retained() != 0 && calls < 10; calls++)
        MUST(pass_by() <= MOST_US);
    ck_assert_uint_eq(retained(), 0);
    ck_assert_uint_ge(calls, 2);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// ---- The budget ------------------------------------------------------------------------------

static struct zp_decay_limits limits;
static bool limits_known = true;
static unsigned limits_asked;

static bool limits_now(size_t so_much, struct zp_decay_limits *out)
{
    limits_asked++;
    MUST(so_much == zp_budget_used());
    *out = limits;
    return limits_known;
}

// Breaks when a program of few requests reads all files of its group twice.
START_TEST(the_start_has_just_looked)
{
    struct zp_pool_config config = uncached();
    config.decay.limits_now = limits_now;
    limits = (struct zp_decay_limits){100 * ZP_MIB, SIZE_MAX, true};
    start(&config);
    pass_by();
    ck_assert_uint_eq(limits_asked, 0);
    unit_let_pass(7000);
    pass_by();
    ck_assert_uint_eq(limits_asked, 1);
}
END_TEST

// Breaks when a budget that is lowered is enforced in one call, or never.
START_TEST(a_lower_budget_takes_some_calls)
{
    struct zp_pool_config config = uncached();
    config.retain.decay_ms = ZP_DECAY_NEVER;
    config.retain.reclaim = false;
    config.decay.limits_now = limits_now;
    limits = (struct zp_decay_limits){512 * ZP_MIB, SIZE_MAX, true};
    start(&config);
    use(12, 12 * ZP_MIB);
    limits.budget = 20 * ZP_MIB;
    unit_let_pass(7000);
    unsigned calls = 0;
    for (; calls == 0 || zp_budget_exceeded(); calls++) {
        MUST(pass_by() <= MOST_US);
        MUST(calls < 10);
    }
    ck_assert_uint_ge(calls, 4);
    ck_assert_uint_gt(zp_budget_used(), 15 * ZP_MIB);
}
END_TEST

// Breaks when a look that missed something raises a limit, or does not lower one, or when a later
// one that sees all does not.
START_TEST(only_a_whole_look_raises_a_limit)
{
    struct zp_pool_config config = uncached();
    config.decay.limits_now = limits_now;
    limits = (struct zp_decay_limits){100 * ZP_MIB, 8 * ZP_MIB, true};
    start(&config);
    static const struct {
        size_t budget, unmarked;
        bool complete, known;
        size_t then;
    } looks[] = {
        {100 * ZP_MIB, 8 * ZP_MIB, true, true, 100 * ZP_MIB},
        {ZP_GIB, SIZE_MAX, false, true, 100 * ZP_MIB},
        {50 * ZP_MIB, 4 * ZP_MIB, false, true, 50 * ZP_MIB},
        {ZP_GIB, SIZE_MAX, true, false, 50 * ZP_MIB},
        {200 * ZP_MIB, 16 * ZP_MIB, true, true, 200 * ZP_MIB},
    };
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        limits = (struct zp_decay_limits){looks[i].budget, looks[i].unmarked, looks[i].complete};
        limits_known = looks[i].known;
        unit_let_pass(7000);
        pass_by();
        ck_assert_uint_eq(zp_budget_limit(), looks[i].then);
        if (looks[i].then == 50 * ZP_MIB)
            ck_assert_uint_eq(zp_reclaim_unmarked(), 4 * ZP_MIB);
    }
    ck_assert_uint_eq(zp_reclaim_unmarked(), 16 * ZP_MIB);
}
END_TEST

// ---- The fast ways ---------------------------------------------------------------------------

static void go_fast(unsigned pairs)
{
    for (unsigned i = 0; i < pairs; i++) {
        struct zp_slot *slot = unit_get(ZP_MIB);
        MUST(slot != NULL);
        zp_pool_put(slot->base);
    }
}

static struct zp_pool_config dirty(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.retain.budget = 512 * ZP_MIB;
    config.retain.scrub = false;
    config.retain.thread_cache_bytes = 64 * ZP_MIB;
    return config;
}

// Breaks when a program that goes only the fast ways keeps what it no longer uses: in the shards,
// and in its own cache behind the buffer that it uses.
START_TEST(fast_ways_give_back)
{
    struct zp_pool_config config = dirty();
    start(&config);
    use(14, 10 * ZP_MIB);
    go_fast(2);
    ck_assert_uint_ge(retained(), 130 * ZP_MIB);
    uint64_t before = unit_counters().shard_hits;
    for (unsigned i = 0; i < 30; i++) {
        unit_let_pass(1000);
        go_fast(300);
    }
    ck_assert_uint_le(retained(), 2 * ZP_MIB);
    ck_assert_uint_eq(unit_counters().shard_hits, before); // or it was not fast
}
END_TEST

// Breaks when, once there is something to give back, some hundred calls are needed for each part.
START_TEST(fast_ways_go_on_at_once)
{
    struct zp_pool_config config = dirty();
    start(&config);
    use(14, 10 * ZP_MIB);
    go_fast(2);
    unit_let_pass(11000);
    size_t before = zp_shards_bytes();
    ck_assert_uint_ge(before, 80 * ZP_MIB); // more than one call gives back
    go_fast(ZP_DECAY_LOOKS + 16);
    ck_assert_uint_eq(zp_shards_bytes(), 0);
}
END_TEST

// ---- What a cache was granted ----------------------------------------------------------------

// Breaks when a thread that once had much in its cache is charged for it for good.
START_TEST(what_a_cache_does_not_use_goes_back)
{
    struct zp_pool_config config = unit_pool_config();
    config.retain.scrub = _i == 0;
    config.retain.decay_ms = ZP_DECAY_NEVER;
    start(&config);
    struct zp_slot *slots[4];
    get_all(slots, 4, 4 * ZP_MIB);
    put_all(slots, 4);
    ck_assert_uint_eq(zp_thread_cache->granted, 16 * ZP_MIB);
    get_all(slots, 4, 4 * ZP_MIB); // the program keeps three of them
    zp_pool_put(slots[3]->base);
    for (unsigned i = 0; i < 3; i++) {
        unit_let_pass(1500);
        for (unsigned j = 0; j < ZP_DECAY_LOOKS; j++)
            zp_pool_put(unit_get(4 * ZP_MIB)->base);
    }
    ck_assert_uint_eq(zp_thread_cache->granted, 4 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), 4 * ZP_MIB);
    put_all(slots, 3); // and it is granted again
    ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), 16 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 16 * ZP_MIB);
}
END_TEST

static pthread_barrier_t barrier;

// Was granted 8 MiB, holds nothing, and sleeps.
static void *take_all_and_sleep(void *unused)
{
    (void)unused;
    struct zp_slot *slots[2];
    get_all(slots, 2, 4 * ZP_MIB);
    put_all(slots, 2);
    get_all(slots, 2, 4 * ZP_MIB);
    MUST(zp_thread_cache->granted == 8 * ZP_MIB);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    put_all(slots, 2);
    return NULL;
}

// Breaks when an empty cache of a thread that sleeps holds on to its part of the budget.
START_TEST(empty_caches_hold_no_budget)
{
    pthread_t thread;
    unit_pool_start_default();
    pthread_barrier_init(&barrier, NULL, 2);
    ck_assert_int_eq(pthread_create(&thread, NULL, take_all_and_sleep, NULL), 0);
    pthread_barrier_wait(&barrier);
    ck_assert_uint_eq(zp_budget_used(), 8 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++) {
        unit_let_pass(11000);
        pass_by();
    }
    ck_assert_uint_eq(zp_budget_used(), 0);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
}
END_TEST

// ---- By the helper ---------------------------------------------------------------------------

static _Atomic bool pressed, trimmed, trimmed_all;

static bool is_pressed(void)
{
    return pressed;
}

static size_t trim_small(bool all)
{
    trimmed = true;
    trimmed_all |= all;
    return 0;
}

static bool nothing_is_retained(void)
{
    return zp_budget_used() == 0;
}

static struct zp_pool_config by_thread(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.decay.by_thread = true;
    config.decay.is_pressed = is_pressed;
    config.decay.trim_small = trim_small;
    return config;
}

static bool is_trimmed(void)
{
    return trimmed;
}

// Breaks when what is idle is not given back without a call of the program, is given back too
// early, or what serves small requests is forgotten.
START_TEST(the_helper_gives_back)
{
    struct zp_pool_config config = by_thread();
    unit_pool_start(&config);
    use(6, 5 * ZP_MIB);
    use(6, ZP_MIB);
    size_t before = retained();
    unit_let_pass(9000);
    ck_assert(unit_comes_true(is_trimmed));
    ck_assert_uint_eq(retained(), before);
    unit_let_pass(2000);
    ck_assert(unit_comes_true(nothing_is_retained));
    ck_assert(!trimmed_all);
    zp_pool_end();
    ck_assert_uint_eq(zp_arena_committed(), 0);
    ck_assert_uint_eq(unit_counters().decayed, 12);
}
END_TEST

// Breaks when calls of the program do the helper's work, or none does without a helper.
START_TEST(without_a_helper_calls_do_it)
{
    struct zp_pool_config config = by_thread();
    unit_pool_start(&config);
    zp_pool_end(); // as if none could be had
    use(6, 5 * ZP_MIB);
    unit_let_pass(20000);
    for (unsigned i = 0; i < 4; i++)
        pass_by();
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when what is retained outlives a want of memory, however young it is.
START_TEST(everything_goes_under_pressure)
{
    struct zp_pool_config config = by_thread();
    config.retain.decay_ms = _i == 0 ? 10000 : ZP_DECAY_NEVER;
    unit_pool_start(&config);
    use(6, 5 * ZP_MIB);
    pressed = true;
    unit_let_pass(300);
    ck_assert(unit_comes_true(nothing_is_retained));
    zp_pool_end();
    ck_assert(trimmed_all);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, no_call_takes_long);
    tcase_add_test(tests, a_slow_machine_goes_on);
    tcase_add_test(tests, a_large_buffer_goes_in_parts);
    tcase_add_test(tests, the_oldest_goes_first);
    tcase_add_test(tests, quarantine_goes_in_parts);
    tcase_add_test(tests, the_start_has_just_looked);
    tcase_add_test(tests, a_lower_budget_takes_some_calls);
    tcase_add_test(tests, only_a_whole_look_raises_a_limit);
    tcase_add_test(tests, fast_ways_give_back);
    tcase_add_test(tests, fast_ways_go_on_at_once);
    tcase_add_loop_test(tests, what_a_cache_does_not_use_goes_back, 0, 2);
    tcase_add_test(tests, empty_caches_hold_no_budget);
    tcase_add_test(tests, the_helper_gives_back);
    tcase_add_test(tests, without_a_helper_calls_do_it);
    tcase_add_loop_test(tests, everything_goes_under_pressure, 0, 2);
    return unit_run("decay", tests);
}
