// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/lock.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>

static struct zp_lock threads_lock, region_lock, shard_lock, other_shard_lock;

static void init(void)
{
    zp_lock_init(&threads_lock, ZP_RANK_THREADS);
    zp_lock_init(&region_lock, ZP_RANK_REGION);
    zp_lock_init(&shard_lock, ZP_RANK_SHARD);
    zp_lock_init(&other_shard_lock, ZP_RANK_SHARD);
}

static void *try_in_thread(void *lock)
{
    bool taken = zp_lock_try(lock);
    if (taken)
        zp_lock_release(lock);
    return taken ? lock : NULL;
}

static bool is_free(struct zp_lock *lock)
{
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, try_in_thread, lock), 0);
    pthread_join(thread, &result);
    return result != NULL;
}

// Breaks when a lock does not lock, or stays locked.
START_TEST(a_lock_locks)
{
    init();
    ck_assert(is_free(&shard_lock));
    zp_lock_take(&shard_lock);
    ck_assert(!is_free(&shard_lock));
    zp_lock_release(&shard_lock);
    ck_assert(is_free(&shard_lock));
    ck_assert(zp_lock_try(&shard_lock));
    ck_assert(!is_free(&shard_lock));
    zp_lock_release(&shard_lock);
}
END_TEST

// Breaks when the order that fork takes is refused.
START_TEST(ranks_may_rise)
{
    init();
    zp_lock_take(&threads_lock);
    zp_lock_take(&region_lock);
    zp_lock_take(&shard_lock);
    zp_lock_take(&other_shard_lock);
    zp_lock_release(&other_shard_lock);
    zp_lock_release(&shard_lock);
    zp_lock_release(&region_lock);
    zp_lock_release(&threads_lock);
    zp_lock_take(&threads_lock);
    zp_lock_release(&threads_lock);
}
END_TEST

#ifndef NDEBUG
static int take_downwards(void *unused)
{
    (void)unused;
    zp_lock_take(&shard_lock);
    zp_lock_take(&region_lock);
    return 0;
}

static int try_downwards(void *unused)
{
    (void)unused;
    zp_lock_take(&shard_lock);
    if (!zp_lock_try(&region_lock)) // trying cannot deadlock
        return 1;
    zp_lock_release(&region_lock);
    zp_lock_release(&shard_lock);
    return 0;
}

// Breaks when a debug build does not notice locks taken against their order: the deadlock would be
// found by users.
START_TEST(ranks_may_not_fall)
{
    init();
    char text[1024];
    int status = unit_in_child(take_downwards, NULL, text, sizeof(text));
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    unit_expect_success(try_downwards, NULL);
}
END_TEST
#endif

static int use_in_child(void *unused)
{
    (void)unused;
    zp_lock_reset(&threads_lock);
    zp_lock_reset(&shard_lock);
    zp_lock_forget_all();
    for (unsigned i = 0; i < 2; i++) { // in order again: nothing is held
        zp_lock_take(&threads_lock);
        zp_lock_take(&shard_lock);
        zp_lock_release(&shard_lock);
        zp_lock_release(&threads_lock);
    }
    return shard_lock.rank == ZP_RANK_SHARD ? 0 : 1;
}

// Breaks when a lock held at a fork is held in the child for ever.
START_TEST(a_reset_lock_is_free)
{
    init();
    zp_lock_take(&threads_lock);
    zp_lock_take(&shard_lock);
    unit_expect_success(use_in_child, NULL);
    ck_assert(!is_free(&shard_lock)); // the parent's is as it was
    zp_lock_release(&shard_lock);
    zp_lock_release(&threads_lock);
}
END_TEST

static volatile unsigned held_in_handler;

static void note_held(int signal)
{
    (void)signal;
    held_in_handler = zp_locks_held;
}

// Breaks when a signal handler cannot tell that it has interrupted this thread while it held a
// lock: a fork there would wait for it for ever.
START_TEST(a_handler_knows_of_the_locks)
{
    init();
    signal(SIGUSR1, note_held);
    ck_assert_uint_eq(zp_locks_held, 0);
    zp_lock_take(&threads_lock);
    ck_assert(zp_lock_try(&shard_lock));
    raise(SIGUSR1);
    ck_assert_uint_eq(held_in_handler, 2);
    zp_lock_release(&shard_lock);
    raise(SIGUSR1);
    ck_assert_uint_eq(held_in_handler, 1);
    zp_lock_release(&threads_lock);
    raise(SIGUSR1);
    ck_assert_uint_eq(held_in_handler, 0);
}
END_TEST

static void *try_and_count(void *lock)
{
    return zp_lock_try(lock) ? NULL : &((char *)lock)[zp_locks_held];
}

// Breaks when a lock that was not to be had counts as held.
START_TEST(a_try_in_vain_does_not_count)
{
    init();
    zp_lock_take(&shard_lock);
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, try_and_count, &shard_lock), 0);
    pthread_join(thread, &result);
    ck_assert_ptr_eq(result, &shard_lock);
    zp_lock_release(&shard_lock);
}
END_TEST

static bool is_awaited(struct zp_lock *lock)
{
    return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) == ZP_LOCK_AWAITED;
}

static void *take_in_thread(void *lock)
{
    zp_lock_take(lock);
    zp_lock_release(lock);
    return lock;
}

static void wait_for(void (*release)(struct zp_lock *lock))
{
    pthread_t thread;
    void *result = NULL;
    init();
    zp_lock_take(&shard_lock);
    ck_assert_int_eq(pthread_create(&thread, NULL, take_in_thread, &shard_lock), 0);
    while (!is_awaited(&shard_lock))
        sched_yield();
    release(&shard_lock);
    pthread_join(thread, &result);
    ck_assert_ptr_eq(result, &shard_lock);
    ck_assert_uint_eq(zp_locks_held, 0);
    ck_assert(is_free(&shard_lock));
}

// Breaks when a thread that waits is not woken, or does not look by itself.
START_TEST(who_waits_gets_the_lock)
{
    wait_for(zp_lock_release);
    wait_for(zp_lock_release_silently);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_lock_locks);
    tcase_add_test(tests, ranks_may_rise);
#ifndef NDEBUG
    tcase_add_test(tests, ranks_may_not_fall);
#endif
    tcase_add_test(tests, a_reset_lock_is_free);
    tcase_add_test(tests, a_handler_knows_of_the_locks);
    tcase_add_test(tests, a_try_in_vain_does_not_count);
    tcase_add_test(tests, who_waits_gets_the_lock);
    return unit_run("lock", tests);
}
