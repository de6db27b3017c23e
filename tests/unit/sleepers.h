// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads that each leave a buffer of 2 MiB in their caches and sleep.

#ifndef ZP_TESTS_UNIT_SLEEPERS_H
#define ZP_TESTS_UNIT_SLEEPERS_H

#include "support.h"

enum { SLEEPERS = 12 };

static pthread_barrier_t filled, over;

// Leaves a buffer in its cache and sleeps.
static inline void *fill_and_sleep(void *unused)
{
    (void)unused;
    unit_put_written(unit_get_or_fail(2 * ZP_MIB));
    MUST(zp_thread_cache_bytes(zp_thread_cache) == 2 * ZP_MIB);
    pthread_barrier_wait(&filled);
    pthread_barrier_wait(&over);
    // The cache still works, however it was treated meanwhile.
    struct zp_slot *slot = unit_get_or_fail(2 * ZP_MIB);
    MUST(unit_is_zero(slot->base, slot->usable));
    unit_put_written(slot);
    return NULL;
}

static pthread_t sleepers[SLEEPERS];

static inline void start_sleepers(void)
{
    pthread_barrier_init(&filled, NULL, SLEEPERS + 1);
    pthread_barrier_init(&over, NULL, SLEEPERS + 1);
    for (unsigned i = 0; i < SLEEPERS; i++)
        ck_assert_int_eq(pthread_create(&sleepers[i], NULL, fill_and_sleep, NULL), 0);
    pthread_barrier_wait(&filled);
}

static inline void end_sleepers(void)
{
    pthread_barrier_wait(&over);
    for (unsigned i = 0; i < SLEEPERS; i++)
        pthread_join(sleepers[i], NULL);
}

#endif
