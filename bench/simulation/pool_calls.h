// SPDX-License-Identifier: MIT OR Apache-2.0
//
// malloc and free of large buffers, as the preloaded library does them. In the simulation they are
// compiled like core, so that their accesses are seen, too.

#ifndef ZP_BENCH_SIMULATION_POOL_CALLS_H
#define ZP_BENCH_SIMULATION_POOL_CALLS_H

#include <stddef.h>

// NULL where the pool has none.
void *pool_get(size_t size);
void pool_put(void *buffer);

#endif
