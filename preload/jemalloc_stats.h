// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the jemalloc inside has done. Zeros where it was built without statistics.

#ifndef ZP_PRELOAD_JEMALLOC_STATS_H
#define ZP_PRELOAD_JEMALLOC_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zp_jemalloc_stats {
    uint64_t requests; // a few may still sit uncounted in the caches of other threads
    size_t allocated;  // bytes the program holds
    size_t active;     // bytes in pages that hold some of them
    size_t mapped;     // bytes of address space
};

// Empties the calling thread's small caches on the way, so that what they counted is in.
void zp_jemalloc_stats(struct zp_jemalloc_stats *stats);

// Whether the program's malloc leads here. It does not if the program brings its own, or if another
// library with a malloc was loaded before.
bool zp_serves_program(void);

// Gives unused pages back to the kernel.
void zp_jemalloc_trim(void);

// For ZEROPOOL_DECAY_BY=thread: pages that have been unused for so long are to go back, unless
// MALLOC_CONF says when; and they do when this is called, or all of them. Returns the bytes that
// are still unused.
void zp_jemalloc_set_decay(int64_t milliseconds);
size_t zp_jemalloc_trim_idle(bool all);

#endif
