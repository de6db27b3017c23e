// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Start-up: options at load time, the pool on the first large request.
//
// malloc is called before any constructor has run, and by several threads at once. The thread that
// gets a lock, which is only tried, starts the pool. Requests during the start, also those of the
// starting thread, do not wait: jemalloc serves them, whose memory is not scrubbed. No signal
// interrupts the start.
//
// Fork: the thread that forks waits for this lock, before all others of the pool: so the child
// finds the pool started, or can start it.

#ifndef ZP_PRELOAD_START_H
#define ZP_PRELOAD_START_H

#include "config/options.h"
#include "core/arena.h"

#include <stdbool.h>
#include <stddef.h>

// Whether a request goes to jemalloc without a question. Before the pool has started the threshold
// is the smallest value that ZEROPOOL_MIN_SIZE can have, so that the first request that may be
// large starts it.
static inline bool zp_is_small(size_t size)
{
    return size < ZP_GLANCE(zp_arena.threshold);
}

// Starts the pool if it has not been started. True if this call did: the request can be tried
// again.
bool zp_start(void);

// Fork: takes and releases the lock of the start, or initialises it again in the child.
void zp_start_lock(void);
void zp_start_unlock(void);
void zp_start_reset(void);

// The options in force.
extern struct zp_options zp_options;

// Huge pages were asked for and are switched off for this process (machine.h).
extern bool zp_huge_refused;

#endif
