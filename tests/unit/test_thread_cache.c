// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/thread_cache.h"
#include "support.h"

#include <pthread.h>

static struct zp_slot slots[8];
static struct zp_thread_cache cache;

static struct zp_slot *make(unsigned index, size_t committed)
{
    slots[index].committed = committed;
    return &slots[index];
}

static void fill(const size_t *sizes, unsigned count)
{
    cache = (struct zp_thread_cache){.capacity = 4, .granted = SIZE_MAX / 2};
    for (unsigned i = 0; i < count; i++) {
        ck_assert(zp_thread_cache_has_room(&cache, sizes[i]));
        zp_thread_cache_push(&cache, make(i, sizes[i]));
    }
}

// Breaks when a buffer put into a cache is not counted, or not noted as cached.
START_TEST(a_push_counts)
{
    fill((size_t[]){100, 200}, 2);
    ck_assert_uint_eq(cache.count, 2);
    ck_assert_uint_eq(cache.bytes, 300);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_CACHED);
}
END_TEST

// Breaks when a cache takes more buffers or more bytes than it may.
START_TEST(room_is_buffers_and_granted_bytes)
{
    cache = (struct zp_thread_cache){.capacity = 2, .granted = 100};
    ck_assert(zp_thread_cache_has_room(&cache, 100));
    ck_assert(!zp_thread_cache_has_room(&cache, 101));
    zp_thread_cache_push(&cache, make(0, 60));
    ck_assert(zp_thread_cache_has_room(&cache, 40));
    ck_assert(!zp_thread_cache_has_room(&cache, 41));
    zp_thread_cache_push(&cache, make(1, 10));
    ck_assert(!zp_thread_cache_has_room(&cache, 0)); // full by number
    cache = (struct zp_thread_cache){0};
    ck_assert(!zp_thread_cache_has_room(&cache, 0)); // a cache not set up
}
END_TEST

// Breaks when the newest buffer is taken although it is too small, or far too large.
START_TEST(the_newest_serves_if_it_fits)
{
    fill((size_t[]){1000, 1000}, 2);
    ck_assert_ptr_null(zp_thread_cache_take_newest(&cache, 1001));
    ck_assert_ptr_null(zp_thread_cache_take_newest(&cache, 799)); // a quarter more is 998
    ck_assert_ptr_eq(zp_thread_cache_take_newest(&cache, 800), &slots[1]);
    ck_assert_uint_eq(cache.count, 1);
    ck_assert_uint_eq(cache.bytes, 1000);
    ck_assert_ptr_eq(zp_thread_cache_take_newest(&cache, 1000), &slots[0]);
    ck_assert_ptr_null(zp_thread_cache_take_newest(&cache, 1000));
    ck_assert_uint_eq(cache.bytes, 0);
}
END_TEST

// Breaks when the search does not begin with the newest, or misses one, or does not close the gap.
START_TEST(the_newest_that_fits_is_found)
{
    fill((size_t[]){500, 1000, 500, 2000}, 4);
    ck_assert_ptr_null(zp_thread_cache_take(&cache, 400, 99));
    ck_assert_ptr_null(zp_thread_cache_take(&cache, 2001, SIZE_MAX));
    ck_assert_ptr_eq(zp_thread_cache_take(&cache, 400, 100), &slots[2]);
    ck_assert_uint_eq(cache.bytes, 3500);
    ck_assert_ptr_eq(cache.entries[2].slot, &slots[3]);
    ck_assert_ptr_eq(zp_thread_cache_take(&cache, 400, 600), &slots[1]);
    ck_assert_ptr_eq(zp_thread_cache_take_at(&cache, 0), &slots[0]);
    ck_assert_uint_eq(cache.count, 1);
    ck_assert_ptr_eq(cache.entries[0].slot, &slots[3]);
    ck_assert_uint_eq(cache.bytes, 2000);
}
END_TEST

// Breaks when an absurd size wraps around.
START_TEST(absurd_sizes_find_nothing)
{
    fill((size_t[]){500}, 1);
    ck_assert_ptr_null(zp_thread_cache_take_newest(&cache, SIZE_MAX));
    ck_assert_ptr_null(zp_thread_cache_take(&cache, SIZE_MAX, SIZE_MAX));
    ck_assert_ptr_null(zp_thread_cache_take(&cache, SIZE_MAX - 400, SIZE_MAX));
}
END_TEST

// ---- Threads ---------------------------------------------------------------------------------

static _Atomic unsigned teardowns;

static void note_teardown(struct zp_thread_cache *own)
{
    MUST(own == zp_thread_cache);
    MUST(own->capacity == 0); // nothing may be put into it any more
    teardowns++;
}

static void init(void)
{
    zp_shards_init(4, 4);
    ck_assert_int_eq(zp_thread_caches_init(3, note_teardown), 0);
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
    struct zp_thread_cache *own = zp_thread_cache_set_up();
    MUST(own != &zp_no_cache && own == zp_thread_cache);
    MUST(own->capacity == 3 && own->count == 0 && own->bytes == 0 && own->granted == 0);
    MUST(own->home < 4);
    zp_count(&own->counters.puts, 7);
    return own;
}

// Breaks when a thread before its first request, or a dead one, has room for buffers.
START_TEST(without_a_cache_there_is_no_room)
{
    ck_assert_ptr_eq(zp_thread_cache, &zp_no_cache);
    ck_assert(!zp_thread_cache_has_room(zp_thread_cache, 0));
    ck_assert_ptr_null(zp_thread_cache_take_newest(zp_thread_cache, 1));
}
END_TEST

// Breaks when a thread's end is not told, or its cache not used for the next thread, or what it
// counted is lost.
START_TEST(a_cache_goes_from_thread_to_thread)
{
    init();
    void *first = run(set_up_and_count, NULL);
    for (unsigned i = 1; i < 100; i++)
        ck_assert_ptr_eq(run(set_up_and_count, NULL), first);
    ck_assert_uint_eq(teardowns, 100);
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
        many[i].committed = 10;
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
    ck_assert_uint_eq(teardowns, MANY);
}
END_TEST

static pthread_key_t late_key;

static void set_up_late(void *unused)
{
    (void)unused;
    MUST(zp_thread_cache == &zp_no_cache);
    MUST(zp_thread_cache_set_up() == &zp_no_cache); // once in a thread's life
    teardowns += 1000;
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
    ck_assert_uint_eq(teardowns, 1001);
}
END_TEST

static void *refuse_mmap(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset)
{
    (void)address;
    (void)length;
    (void)protection;
    (void)flags;
    (void)fd;
    (void)offset;
    errno = ENOMEM;
    return MAP_FAILED;
}

static void *set_up_without_memory(void *unused)
{
    (void)unused;
    errno = 4711;
    MUST(zp_thread_cache_set_up() == &zp_no_cache);
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

// Breaks when a child keeps what other threads had cached or counted, or loses its own cache.
START_TEST(a_reset_leaves_the_own_cache_alone)
{
    init();
    run(set_up_and_count, NULL);
    struct zp_thread_cache *own = zp_thread_cache_set_up();
    own->granted = 1000;
    zp_thread_cache_push(own, make(0, 500));
    zp_count(&own->counters.puts, 3);
    zp_thread_caches_reset();
    ck_assert_ptr_eq(zp_thread_cache, own);
    ck_assert_uint_eq(own->capacity, 3);
    ck_assert_uint_eq(own->count, 0);
    ck_assert_uint_eq(own->bytes, 0);
    ck_assert_uint_eq(own->granted, 0);
    struct zp_counters sum;
    size_t bytes;
    zp_thread_caches_sum(&sum, &bytes);
    ck_assert_uint_eq(sum.puts, 0);
    ck_assert_uint_eq(bytes, 0);
    ck_assert_ptr_ne(run(set_up_and_count, NULL), own);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_push_counts);
    tcase_add_test(tests, room_is_buffers_and_granted_bytes);
    tcase_add_test(tests, the_newest_serves_if_it_fits);
    tcase_add_test(tests, the_newest_that_fits_is_found);
    tcase_add_test(tests, absurd_sizes_find_nothing);
    tcase_add_test(tests, without_a_cache_there_is_no_room);
    tcase_add_test(tests, a_cache_goes_from_thread_to_thread);
    tcase_add_test(tests, every_thread_has_its_own);
    tcase_add_test(tests, a_dead_thread_gets_no_cache);
    tcase_add_test(tests, without_memory_there_is_no_cache);
    tcase_add_test(tests, a_reset_leaves_the_own_cache_alone);
    return unit_run("thread_cache", tests);
}
