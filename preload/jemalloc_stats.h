// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Statistics of the jemalloc inside. Zeros where it was built without statistics.

#ifndef ZP_PRELOAD_JEMALLOC_STATS_H
#define ZP_PRELOAD_JEMALLOC_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zp_jemalloc_stats {
    uint64_t requests; // without a few that other threads' caches have not reported yet
    size_t allocated;  // bytes the program holds
    size_t active;     // bytes of pages in use
    size_t mapped;     // bytes of address space
};

// Flushes the calling thread's jemalloc cache first, so that its counts are included.
void zp_jemalloc_stats(struct zp_jemalloc_stats *stats);

// Whether the program's malloc is this library's. It is not if the program has its own, or if
// another library with a malloc was loaded before this one.
bool zp_serves_program(void);

// Gives unused pages back to the kernel.
void zp_jemalloc_trim(void);

// For ZEROPOOL_DECAY_BY=thread. The first sets the idle time after which unused pages go back to
// the kernel, unless MALLOC_CONF sets it. The second gives those back that have been unused for
// that long, or `all`, and returns the bytes that are still unused.
void zp_jemalloc_set_decay(int64_t milliseconds);
size_t zp_jemalloc_trim_idle(bool all);

#endif
