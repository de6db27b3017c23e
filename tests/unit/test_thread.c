// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/thread.h"
#include "threads.h"

#include <limits.h>

static void init(void)
{
    zp_shards_init(4, 4, &zp_eviction_lifo);
    zp_thread_caches_init(3, true);
    ck_assert_int_eq(zp_threads_init(), 0);
}

static void *set_up_and_count(void *unused)
{
    (void)unused;
    MUST(zp_thread_cache == &zp_no_cache);
    struct zp_thread_cache *own = zp_thread_own_cache();
    MUST(own != &zp_no_cache && own == zp_thread_cache && own == zp_thread_own_cache());
    MUST(own->capacity == 3 && own->count == 0 && own->bytes == 0 && own->granted == 0);
    MUST(own->home < 4);
    zp_count(&own->counters.puts, 7);
    return own;
}

// Breaks when a thread's cache is not used for the next thread, or what it counted is lost, or a
// cache without a thread has room for buffers.
START_TEST(a_cache_goes_from_thread_to_thread)
{
    init();
    const struct zp_thread_cache *first = run_thread(set_up_and_count, NULL);
    for (unsigned i = 1; i < 100; i++)
        ck_assert_ptr_eq(run_thread(set_up_and_count, NULL), first);
    ck_assert_uint_eq(first->capacity, 0);
    ck_assert(!first->inside);
    struct zp_counters sum;
    size_t bytes;
    zp_thread_caches_sum(&sum, &bytes);
    ck_assert_uint_eq(sum.puts, 700);
    ck_assert_uint_eq(bytes, 0);
}
END_TEST

enum { MANY = 150 }; // more than one chunk holds

static pthread_barrier_t barrier;

static void *set_up_with_others(void *slot)
{
    struct zp_thread_cache *own = set_up_and_count(NULL);
    own->granted = 100;
    zp_thread_cache_push(own, slot);
    pthread_barrier_wait(&barrier); // all are there
    pthread_barrier_wait(&barrier); // the sum is taken
    zp_thread_cache_take_at(own, 0);
    own->granted = 0;
    return own;
}

// Breaks when two threads at once get one cache, when caches run out, or the sum misses one.
START_TEST(every_thread_has_its_own)
{
    init();
    static struct zp_slot many[MANY];
    pthread_t threads[MANY];
    void *caches[MANY];
    pthread_barrier_init(&barrier, NULL, MANY + 1);
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = (struct zp_slot){.usable = 10, .committed = 10, .state = ZP_SLOT_TAKEN};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, set_up_with_others, &many[i]), 0);
    }
    pthread_barrier_wait(&barrier);
    struct zp_counters sum;
    size_t bytes;
    zp_thread_caches_sum(&sum, &bytes);
    pthread_barrier_wait(&barrier);
    ck_assert_uint_eq(sum.puts, 7 * MANY);
    ck_assert_uint_eq(bytes, 10 * MANY);
    for (unsigned i = 0; i < MANY; i++)
        pthread_join(threads[i], &caches[i]);
    for (unsigned i = 0; i < MANY; i++)
        for (unsigned j = 0; j < i; j++)
            MUST(caches[i] != caches[j]);
}
END_TEST

static pthread_key_t late_key;
static _Atomic unsigned late_calls;

static void set_up_late(void *unused)
{
    (void)unused;
    MUST(zp_thread_cache == &zp_no_cache);
    MUST(zp_thread_own_cache() == &zp_no_cache); // once in a thread's life
    late_calls++;
}

static void *leave_to_destructor(void *unused)
{
    pthread_setspecific(late_key, &late_key);
    return set_up_and_count(unused);
}

// Breaks when a thread being torn down gets another cache, which nobody would empty.
START_TEST(a_dead_thread_gets_no_cache)
{
    init();
    ck_assert_int_eq(pthread_key_create(&late_key, set_up_late), 0);
    run_thread(leave_to_destructor, NULL);
    ck_assert_uint_eq(late_calls, 1);
}
END_TEST

static void *refuse_mmap(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset)
{
    (void)address, (void)length, (void)protection, (void)flags, (void)fd, (void)offset;
    errno = ENOMEM;
    return MAP_FAILED;
}

static void *set_up_without_memory(void *unused)
{
    (void)unused;
    errno = 4711;
    MUST(zp_thread_own_cache() == &zp_no_cache);
    MUST(errno == 4711);
    return NULL;
}

// Breaks when a thread for which there is no memory crashes.
START_TEST(without_memory_there_is_no_cache)
{
    init();
    zp_os_calls.mmap = refuse_mmap;
    run_thread(set_up_without_memory, NULL);
    zp_os_calls.mmap = mmap;
    ck_assert_ptr_nonnull(run_thread(set_up_and_count, NULL));
}
END_TEST

// ---- Threads that end ------------------------------------------------------------------------

static void *fill_cache(void *argument)
{
    (void)argument;
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++) {
        slots[i] = unit_get(ZP_MIB);
        MUST(slots[i] != NULL);
        memset(slots[i]->base, 1, 64);
    }
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    MUST(zp_thread_cache_bytes(zp_thread_cache) == 3 * ZP_MIB);
    return NULL;
}

// Breaks when what an ended thread had cached is lost to the others, or its share of the budget is.
START_TEST(an_ended_thread_leaves_its_buffers)
{
    unit_pool_start_default();
    enum { ENDED = 100 };
    for (unsigned i = 0; i < ENDED; i++) {
        run_thread(fill_cache, NULL);
        ck_assert_uint_eq(zp_shards_bytes(), 3 * ZP_MIB);
        ck_assert_uint_eq(zp_budget_used(), 3 * ZP_MIB);
    }
    struct zp_counters counters = unit_counters();
    ck_assert_uint_eq(counters.fresh, 3);
    ck_assert_uint_eq(counters.shard_hits, 3 * (ENDED - 1));
    check_nothing_lost((uint64_t)3 * ENDED);
}
END_TEST

// Breaks when two threads that end at once both change the list of caches.
START_TEST(threads_end_at_once)
{
    unit_pool_start_default();
    enum { THREADS = 6, WAVES = 20 };
    for (unsigned i = 0; i < WAVES; i++) {
        pthread_t threads[THREADS];
        void *arguments[THREADS] = {NULL};
        start_threads(threads, THREADS, fill_cache, arguments);
        join_threads(threads, THREADS);
    }
    check_nothing_lost((uint64_t)3 * THREADS * WAVES);
}
END_TEST

// ---- Late frees ------------------------------------------------------------------------------

static pthread_key_t key_before, key_after;
static unsigned late_frees; // one thread at a time

// A destructor: frees the buffer it is called for, and gets and puts another one.
static void free_late(void *buffer)
{
    zp_pool_put(buffer);
    struct zp_slot *slot = unit_get(3 * ZP_MIB);
    MUST(slot != NULL && zp_slot_is_zero(slot));
    memset(slot->base, 1, 64);
    zp_pool_put(slot->base);
    late_frees++;
}

static void *leave_to_destructors(void *argument)
{
    (void)argument;
    fill_cache(NULL);
    pthread_setspecific(key_before, unit_get(ZP_MIB)->base);
    pthread_setspecific(key_after, unit_get(ZP_MIB)->base);
    return NULL;
}

// Breaks when a buffer freed after the thread's cache is gone, by another destructor, goes into
// that cache, or crashes, or is not counted. Destructors run in the order of their keys; the pool's
// key is made by zp_pool_init.
START_TEST(buffers_are_freed_after_the_cache_is_gone)
{
    ck_assert_int_eq(pthread_key_create(&key_before, free_late), 0);
    unit_pool_start_default();
    ck_assert_int_eq(pthread_key_create(&key_after, free_late), 0);
    enum { ENDED = 50 };
    for (unsigned i = 0; i < ENDED; i++) {
        run_thread(leave_to_destructors, NULL);
        ck_assert_uint_eq(zp_budget_used(), zp_shards_bytes());
    }
    ck_assert_uint_eq(late_frees, 2 * ENDED);
    check_nothing_lost((uint64_t)7 * ENDED);
}
END_TEST

#ifndef UNIT_TSAN // which has forgotten a thread by the last round
static pthread_key_t key_again;

// A destructor that comes back in every round that there is, and uses the pool in the last one.
static void last_round(void *counter)
{
    unsigned *rounds = counter;
    if (++*rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(key_again, counter);
        return;
    }
    struct zp_slot *slot = unit_get(ZP_MIB);
    MUST(slot != NULL);
    zp_pool_put(slot->base);
}

static void *leave_to_last_round(void *counter)
{
    pthread_setspecific(key_again, counter);
    return NULL;
}

// Breaks when a thread whose first large request comes in the last round of destructors, after
// which nobody tells the pool of its end, leaves something behind that points into its memory,
// which the next thread gets. What it had cached is lost, and that is known.
START_TEST(the_first_request_comes_in_the_last_round)
{
    unit_pool_start_default();
    ck_assert_int_eq(pthread_key_create(&key_again, last_round), 0);
    enum { ENDED = 10 };
    for (unsigned i = 0; i < ENDED; i++) {
        unsigned rounds = 0;
        run_thread(leave_to_last_round, &rounds);
        ck_assert_uint_eq(rounds, PTHREAD_DESTRUCTOR_ITERATIONS);
        run_thread(fill_cache, NULL);
    }
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(zp_counters_served(&stats.counters), ENDED * 4);
    ck_assert_uint_eq(stats.counters.puts, ENDED * 4);
    ck_assert_uint_eq(stats.retained_bytes, zp_budget_used());
}
END_TEST
#endif

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_cache_goes_from_thread_to_thread);
    tcase_add_test(tests, every_thread_has_its_own);
    tcase_add_test(tests, a_dead_thread_gets_no_cache);
    tcase_add_test(tests, without_memory_there_is_no_cache);
    tcase_add_test(tests, an_ended_thread_leaves_its_buffers);
    tcase_add_test(tests, threads_end_at_once);
    tcase_add_test(tests, buffers_are_freed_after_the_cache_is_gone);
#ifndef UNIT_TSAN
    tcase_add_test(tests, the_first_request_comes_in_the_last_round);
#endif
    return unit_run("thread", tests);
}
