// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Start-up: options at load time, the pool on the first large request.
//
// malloc is called before any constructor has run, and from any thread at once. A state that is
// only moved by compare-and-exchange decides who starts. Whoever comes meanwhile is served by
// jemalloc, whose memory is not scrubbed, and waits for nobody, so that a signal or a fork in the
// middle strands nobody.

#ifndef ZP_PRELOAD_START_H
#define ZP_PRELOAD_START_H

#include "config/options.h"

#include <stdbool.h>
#include <stddef.h>

// Requests below this go to jemalloc without a question. Before the pool has started it is the
// smallest value that ZEROPOOL_MIN_SIZE can have, so that the first request that may be large
// starts it.
extern size_t zp_threshold;

static inline bool zp_is_small(size_t size)
{
    return size < __atomic_load_n(&zp_threshold, __ATOMIC_RELAXED);
}

// Starts the pool if nobody has. True if this call did: the request is worth another try.
bool zp_start(void);

// The options in force.
extern struct zp_options zp_options;

#endif
