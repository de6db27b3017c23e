// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The caches of other threads: emptying them, and what a child does with them.

#include "core/thread_cache.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>

static struct zp_slot slots[2];

// A buffer in the hands of this thread.
static struct zp_slot *make(unsigned index, size_t usable)
{
    char *base = (char *)((index + 1) * ZP_LEAST_PAGE); // never read
    slots[index] = (struct zp_slot){.base = base,
                                    .start = base,
                                    .usable = usable,
                                    .committed = usable + 5, // with a tail, which does not count
                                    .state = ZP_SLOT_TAKEN};
    return &slots[index];
}

// ---- Of threads ------------------------------------------------------------------------------

static void init(void)
{
    zp_thread_caches_init(3, true, true);
}

// As a thread is given its cache (thread.h).
static struct zp_thread_cache *get_own(void)
{
    struct zp_thread_cache *own = zp_thread_cache_acquire(0);
    MUST(own != NULL && own->count == 0 && own->bytes == 0 && own->granted == 0);
    zp_thread_cache_enable(own, true);
    MUST(own->capacity == 3 && own->dirty_capacity == 3);
    zp_thread_cache = own;
    return own;
}

static void *get_and_give_up(void *unused)
{
    (void)unused;
    struct zp_thread_cache *own = get_own();
    zp_count(&own->counters.puts, 7);
    zp_thread_cache_enable(own, false);
    MUST(own->capacity == 0 && own->dirty_capacity == 0);
    zp_thread_cache_give_up(own);
    return own;
}

static void *run(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, function, argument), 0);
    pthread_join(thread, &result);
    return result;
}

// Breaks when a child keeps what other threads had cached or counted, or loses its own cache.
START_TEST(a_reset_leaves_the_own_cache_alone)
{
    init();
    run(get_and_give_up, NULL);
    struct zp_thread_cache *own = get_own();
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
    ck_assert_ptr_ne(run(get_and_give_up, NULL), own);
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
    struct zp_slot *slot = zp_thread_caches_take(zp_thread_cache, 0, idle, &given.released);
    ck_assert_int_eq(errno, 4711);
    for (; slot != NULL; slot = slot->links[ZP_ORDER_CLASS].older) {
        given.slots[given.count++] = slot;
        given.since = slot->since;
    }
}

static pthread_barrier_t barrier;
static struct zp_thread_cache *sleeper;
static bool stay_inside;

// A thread with two buffers in its cache, of 30 and 50 bytes, and 20 more granted; it sleeps.
static void *fill_and_sleep(void *unused)
{
    (void)unused;
    sleeper = get_own();
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
    zp_thread_cache_give_up(sleeper);
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
    struct zp_thread_cache *own = get_own();
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
    tcase_add_test(tests, a_reset_leaves_the_own_cache_alone);
    tcase_add_test(tests, a_sleeping_threads_cache_is_emptied);
    tcase_add_test(tests, only_idle_caches_are_emptied);
    tcase_add_test(tests, a_busy_threads_cache_is_left_alone);
    tcase_add_test(tests, the_own_cache_is_left_alone);
    tcase_add_test(tests, without_a_barrier_others_are_left_alone);
    tcase_add_test(tests, an_owner_waits_while_its_cache_is_claimed);
    return unit_run("thread_cache_others", tests);
}
