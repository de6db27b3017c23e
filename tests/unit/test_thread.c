// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/retain.h"
#include "core/thread.h"
#include "support.h"

#include <pthread.h>

static void init(void)
{
    zp_shards_init(4, 4, &zp_eviction_lifo);
    zp_thread_caches_init(3, true);
    ck_assert_int_eq(zp_threads_init(), 0);
}

static void *run(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, function, argument), 0);
    pthread_join(thread, &result);
    return result;
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
    const struct zp_thread_cache *first = run(set_up_and_count, NULL);
    for (unsigned i = 1; i < 100; i++)
        ck_assert_ptr_eq(run(set_up_and_count, NULL), first);
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

static void *fill_and_end(void *unused)
{
    (void)unused;
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        MUST((slots[i] = unit_get(ZP_MIB)) != NULL);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    MUST(zp_thread_cache->count + (zp_thread_cache->newest.bytes != 0) == 3);
    return NULL;
}

// Breaks when a thread that ends leaves a buffer in its cache, or the charge for one.
START_TEST(an_ending_thread_leaves_its_buffers_to_others)
{
    unit_pool_start_default();
    run(fill_and_end, NULL);
    ck_assert_uint_eq(zp_shards_bytes(), 3 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 3 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++)
        unit_get(ZP_MIB);
    ck_assert_uint_eq(unit_counters().fresh, 3);
    ck_assert_uint_eq(zp_budget_used(), 0);
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
    run(leave_to_destructor, NULL);
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
    run(set_up_without_memory, NULL);
    zp_os_calls.mmap = mmap;
    ck_assert_ptr_nonnull(run(set_up_and_count, NULL));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_cache_goes_from_thread_to_thread);
    tcase_add_test(tests, every_thread_has_its_own);
    tcase_add_test(tests, an_ending_thread_leaves_its_buffers_to_others);
    tcase_add_test(tests, a_dead_thread_gets_no_cache);
    tcase_add_test(tests, without_memory_there_is_no_cache);
    return unit_run("thread", tests);
}
