// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/thread_cache.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>

static struct zp_slot slots[8];
static struct zp_thread_cache cache;

static struct zp_slot *make(unsigned index, size_t committed)
{
    slots[index] = (struct zp_slot){.base = (char *)&slots[index], .committed = committed};
    return &slots[index];
}

static void fill(const size_t *sizes, unsigned count)
{
    cache = (struct zp_thread_cache){.capacity = 4, .granted = SIZE_MAX / 2};
    for (unsigned i = 0; i < count; i++) {
        ck_assert(zp_thread_cache_has_room(&cache, 4, sizes[i]));
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
    cache = (struct zp_thread_cache){.granted = 100};
    ck_assert(zp_thread_cache_has_room(&cache, 2, 100));
    ck_assert(!zp_thread_cache_has_room(&cache, 2, 101));
    zp_thread_cache_push(&cache, make(0, 60));
    ck_assert(zp_thread_cache_has_room(&cache, 2, 40));
    ck_assert(!zp_thread_cache_has_room(&cache, 2, 41));
    zp_thread_cache_push(&cache, make(1, 10));
    ck_assert(!zp_thread_cache_has_room(&cache, 2, 0)); // full by number
    ck_assert(!zp_thread_cache_has_room(&cache, 0, 0)); // a cache not set up
}
END_TEST

static const struct zp_slot *take_newest(size_t size)
{
    const struct zp_cached *newest = zp_thread_cache_take_newest(&cache, size);
    ck_assert(newest == NULL || newest->base == newest->slot->base);
    return newest != NULL ? newest->slot : NULL;
}

// Breaks when the newest buffer is taken although it is too small, or far too large.
START_TEST(the_newest_serves_if_it_fits)
{
    fill((size_t[]){1000, 1000}, 2);
    zp_thread_cache_close(&cache);
    ck_assert_ptr_null(take_newest(1001));
    ck_assert_ptr_null(take_newest(874)); // an eighth is 125
    ck_assert_ptr_eq(take_newest(875), &slots[1]);
    ck_assert_ptr_null(take_newest(1000)); // it is gone
    zp_thread_cache_open(&cache);
    ck_assert_uint_eq(cache.count, 1);
    ck_assert_uint_eq(cache.bytes, 1000);
    zp_thread_cache_close(&cache);
    ck_assert_ptr_eq(take_newest(1000), &slots[0]);
    zp_thread_cache_open(&cache);
    ck_assert_uint_eq(cache.bytes, 0);
}
END_TEST

// Breaks when a buffer that is not scrubbed is put where there is no room, or on top of another, or
// is lost, or passes for a clean one.
START_TEST(a_dirty_buffer_is_put_where_there_is_room)
{
    cache = (struct zp_thread_cache){.capacity = 2, .dirty_capacity = 2, .granted = 100};
    ck_assert(!zp_thread_cache_put_dirty(&cache, make(0, 60), "base")); // not open to it yet
    zp_thread_cache_close(&cache);
    slots[0].clean = true;
    ck_assert(!zp_thread_cache_put_dirty(&cache, make(1, 101), "base"));
    ck_assert(zp_thread_cache_put_dirty(&cache, &slots[0], slots[0].base));
    ck_assert(!slots[0].clean);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_CACHED);
    ck_assert(!zp_thread_cache_put_dirty(&cache, make(1, 10), slots[1].base)); // there is a newest
    ck_assert_ptr_eq(take_newest(60), &slots[0]);
    ck_assert(zp_thread_cache_put_dirty(&cache, &slots[1], slots[1].base));

    zp_thread_cache_open(&cache);
    ck_assert_uint_eq(cache.count, 1);
    ck_assert_uint_eq(cache.bytes, 10);
    zp_thread_cache_push(&cache, &slots[0]);
    zp_thread_cache_close(&cache);
    ck_assert_uint_eq(cache.dirty_room, 90); // beside the other one
    zp_thread_cache_open(&cache);
    zp_thread_cache_push(&cache, make(2, 10));
    zp_thread_cache_close(&cache);
    ck_assert_uint_eq(cache.dirty_room, 0); // full by number
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
    ck_assert_ptr_null(zp_thread_cache_take(&cache, SIZE_MAX, SIZE_MAX));
    ck_assert_ptr_null(zp_thread_cache_take(&cache, SIZE_MAX - 400, SIZE_MAX));
    zp_thread_cache_close(&cache);
    for (size_t size = SIZE_MAX; size > 1000; size -= size / 64 + 1)
        ck_assert_ptr_null(take_newest(size));
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
    zp_shards_init(4, 4, &zp_eviction_lifo);
    ck_assert_int_eq(zp_thread_caches_init(3, true, note_teardown), 0);
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
    ck_assert(!zp_thread_cache_has_room(zp_thread_cache, zp_thread_cache->capacity, 0));
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

// ---- Emptying the caches of others -----------------------------------------------------------

static struct {
    struct zp_slot *slots[8];
    uint32_t since;
    unsigned count;
    size_t released;
} given;

static void empty_others(uint32_t idle)
{
    memset(&given, 0, sizeof(given));
    errno = 4711;
    struct zp_slot *slot = zp_thread_caches_take(idle, &given.released);
    ck_assert_int_eq(errno, 4711);
    for (; slot != NULL; slot = slot->next) {
        given.slots[given.count++] = slot;
        given.since = slot->since;
    }
}

static struct zp_thread_cache *sleeper;
static bool stay_inside;

// A thread with two buffers in its cache, of 30 and 50 bytes, and 20 more granted; it sleeps.
static void *fill_and_sleep(void *unused)
{
    sleeper = set_up_and_count(unused);
    sleeper->granted = 100;
    zp_thread_cache_open(sleeper);
    zp_thread_cache_push(sleeper, make(0, 30));
    zp_thread_cache_push(sleeper, make(1, 50));
    zp_thread_cache_stamp(sleeper, zp_os_clock());
    if (!stay_inside)
        zp_thread_cache_close(sleeper);
    pthread_barrier_wait(&barrier); // it has been filled
    pthread_barrier_wait(&barrier); // and looked at
    if (stay_inside)
        zp_thread_cache_close(sleeper);
    zp_thread_cache_open(sleeper);
    while (sleeper->count > 0)
        zp_thread_cache_take_at(sleeper, 0);
    zp_thread_cache_close(sleeper);
    return NULL;
}

static pthread_t start_sleeper(void)
{
    pthread_t thread;
    init();
    zp_os_calls.clock = unit_clock;
    pthread_barrier_init(&barrier, NULL, 2);
    ck_assert_int_eq(pthread_create(&thread, NULL, fill_and_sleep, NULL), 0);
    pthread_barrier_wait(&barrier);
    return thread;
}

static void end_sleeper(pthread_t thread)
{
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
}

// Breaks when a sleeping thread's cache is not emptied, newest first and with its age, or what was
// granted for it is lost.
START_TEST(a_sleeping_threads_cache_is_emptied)
{
    unit_now = 5000;
    pthread_t thread = start_sleeper();
    unit_let_pass(70);
    empty_others(0);
    ck_assert_uint_eq(given.count, 2);
    ck_assert_ptr_eq(given.slots[0], &slots[1]);
    ck_assert_ptr_eq(given.slots[1], &slots[0]);
    ck_assert_uint_eq(given.since, 5000);
    ck_assert_uint_eq(given.released, 20);
    ck_assert_uint_eq(sleeper->count, 0);
    ck_assert_uint_eq(zp_thread_cache_bytes(sleeper), 0);
    ck_assert_uint_eq(sleeper->granted, 0);
    ck_assert(!sleeper->claimed && !sleeper->inside);
    ck_assert_uint_eq(sleeper->capacity, 3); // it is used again
    empty_others(0);
    ck_assert_uint_eq(given.count, 0);
    ck_assert_uint_eq(given.released, 0);
    end_sleeper(thread);
}
END_TEST

// Breaks when a cache is emptied that has been used since it was looked at last, or one is not that
// has been idle for long enough.
START_TEST(only_idle_caches_are_emptied)
{
    pthread_t thread = start_sleeper();
    unit_let_pass(999);
    empty_others(1000);
    ck_assert_uint_eq(given.count, 0);
    zp_count(&sleeper->counters.puts, 1); // as the fast ways do, without looking at the clock
    unit_let_pass(5000);
    empty_others(1000);
    ck_assert_uint_eq(given.count, 0); // when in these 5000 it cannot be told
    unit_let_pass(999);
    empty_others(1000);
    ck_assert_uint_eq(given.count, 0);
    unit_let_pass(1);
    empty_others(1000);
    ck_assert_uint_eq(given.count, 2);
    end_sleeper(thread);
}
END_TEST

// Breaks when a cache is emptied while its owner is at it.
START_TEST(a_busy_threads_cache_is_left_alone)
{
    stay_inside = true;
    pthread_t thread = start_sleeper();
    empty_others(0);
    ck_assert_uint_eq(given.count, 0);
    ck_assert_uint_eq(given.released, 0);
    ck_assert_uint_eq(sleeper->count, 2);
    ck_assert_uint_eq(sleeper->granted, 100);
    ck_assert(!sleeper->claimed);
    end_sleeper(thread);
}
END_TEST

// Breaks when the own cache is emptied, which is the caller's to do and which it is inside of.
START_TEST(the_own_cache_is_left_alone)
{
    init();
    struct zp_thread_cache *own = zp_thread_cache_set_up();
    own->granted = 100;
    zp_thread_cache_push(own, make(0, 30));
    empty_others(0);
    ck_assert_uint_eq(given.count, 0);
    ck_assert_uint_eq(own->count, 1);
}
END_TEST

static int refuse_barrier(int command)
{
    (void)command;
    errno = ENOSYS;
    return -1;
}

// Breaks when caches are emptied although nothing tells their owners in time, or stay claimed.
START_TEST(without_a_barrier_others_are_left_alone)
{
    zp_os_calls.membarrier = refuse_barrier;
    pthread_t thread = start_sleeper();
    empty_others(0);
    ck_assert_uint_eq(given.count, 0);
    ck_assert_uint_eq(given.released, 0);
    ck_assert_uint_eq(zp_thread_cache_bytes(sleeper), 80);
    ck_assert(!sleeper->claimed);
    end_sleeper(thread);
}
END_TEST

static _Atomic bool has_entered;

static void *enter_own(void *own)
{
    zp_thread_cache_open(own);
    has_entered = true;
    zp_thread_cache_close(own);
    return NULL;
}

static struct zp_thread_cache *claimed_now;
static pthread_t waiter;

// Called between the claim and its end: its owner is kept out, and waits.
static int look_while_claimed(int command)
{
    (void)command;
    MUST(claimed_now->claimed);
    MUST(!zp_thread_cache_try_enter(claimed_now));
    MUST(!claimed_now->inside);
    MUST(pthread_create(&waiter, NULL, enter_own, claimed_now) == 0);
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    MUST(!has_entered);
    return 0;
}

// Breaks when an owner enters a cache that is claimed, or never gets in again afterwards.
START_TEST(an_owner_waits_while_its_cache_is_claimed)
{
    pthread_t thread = start_sleeper();
    claimed_now = sleeper;
    zp_os_calls.membarrier = look_while_claimed;
    empty_others(0);
    pthread_join(waiter, NULL);
    ck_assert(has_entered);
    ck_assert_uint_eq(given.count, 2);
    end_sleeper(thread);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_push_counts);
    tcase_add_test(tests, room_is_buffers_and_granted_bytes);
    tcase_add_test(tests, the_newest_serves_if_it_fits);
    tcase_add_test(tests, a_dirty_buffer_is_put_where_there_is_room);
    tcase_add_test(tests, the_newest_that_fits_is_found);
    tcase_add_test(tests, absurd_sizes_find_nothing);
    tcase_add_test(tests, without_a_cache_there_is_no_room);
    tcase_add_test(tests, a_cache_goes_from_thread_to_thread);
    tcase_add_test(tests, every_thread_has_its_own);
    tcase_add_test(tests, a_dead_thread_gets_no_cache);
    tcase_add_test(tests, without_memory_there_is_no_cache);
    tcase_add_test(tests, a_reset_leaves_the_own_cache_alone);
    tcase_add_test(tests, a_sleeping_threads_cache_is_emptied);
    tcase_add_test(tests, only_idle_caches_are_emptied);
    tcase_add_test(tests, a_busy_threads_cache_is_left_alone);
    tcase_add_test(tests, the_own_cache_is_left_alone);
    tcase_add_test(tests, without_a_barrier_others_are_left_alone);
    tcase_add_test(tests, an_owner_waits_while_its_cache_is_claimed);
    return unit_run("thread_cache", tests);
}
