// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kernel's clock, past whatever else was preloaded.
//
// libfaketime puts its own clock_gettime before libc's, which allocates when it is first called and
// now and then later: a call from inside jemalloc, whose locks are held, would wait for itself for
// ever. And what is faked may stand still or run backwards, while memory grows old in real time.

#ifndef ZP_PRELOAD_CLOCK_H
#define ZP_PRELOAD_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

// jemalloc's clock_gettime is renamed to this.
int zp_je_clock_gettime(clockid_t clock, struct timespec *now);

// And its pthread_cond_init to this: libfaketime has that too, and jemalloc calls it while it
// starts.
int zp_je_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);

// Milliseconds on the coarse clock, as zp_os_clock has them.
uint32_t zp_clock_milliseconds(void);

// Microseconds on the fine one, as zp_os_stopwatch has them.
uint32_t zp_clock_microseconds(void);

#endif
