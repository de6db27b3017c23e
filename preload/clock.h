// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libc's own clock, even if another preloaded library interposes clock_gettime.
//
// libfaketime's clock_gettime allocates at its first call and sometimes later. Called from inside
// jemalloc, which holds its locks, it would deadlock. A faked clock may also stand still or run
// backwards, while decay is meant to follow real time.

#ifndef ZP_PRELOAD_CLOCK_H
#define ZP_PRELOAD_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

// jemalloc's clock_gettime is renamed to this.
int zp_je_clock_gettime(clockid_t clock, struct timespec *now);

// jemalloc's pthread_cond_init is renamed to this: libfaketime interposes it too, and jemalloc
// calls it while it starts.
int zp_je_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);

// Milliseconds of the coarse clock, for zp_os_clock.
uint32_t zp_clock_milliseconds(void);

// Microseconds of the fine clock, for zp_os_stopwatch.
uint32_t zp_clock_microseconds(void);

#endif
