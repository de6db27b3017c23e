// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Start-up: options at load time, the pool on the first large request.
//
// malloc is called before any constructor has run, and from any thread at once. A lock that is only
// tried for decides who starts. Whoever comes meanwhile, the starting thread among them, is served
// by jemalloc, whose memory is not scrubbed, and waits for nobody. No signal interrupts the start.
//
// Fork: who forks does wait for the lock, before all others of the pool: so the child finds the
// pool started, or can start it.

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

// Starts the pool if nobody has. True if this call did: the request is worth another try.
bool zp_start(void);

// Fork: takes and releases the lock of the start, or makes it anew in the child.
void zp_start_lock(void);
void zp_start_unlock(void);
void zp_start_reset(void);

// The options in force.
extern struct zp_options zp_options;

// Huge pages were asked for and are switched off for this process (machine.h).
extern bool zp_huge_refused;

#endif
