// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Counters. The one list below is the struct, the sum over threads and the names.
//
// Always holds: a thread counts in its own thread cache, without atomic read-modify-write. A sum
// reads the counters of running threads: each may be a few events old, none is torn.
//
// Locking: none.
// Fork: a child starts with all counters at zero: its report is about itself.

#ifndef ZP_CORE_STATS_H
#define ZP_CORE_STATS_H

#include "base.h"

// clang-format off
#define ZP_COUNTERS(X)                                                                   \
    X(thread_hits,     "requests served by the thread's own cache")                      \
    X(shard_hits,      "requests served by a shard")                                     \
    X(fresh,           "requests served by a slot that had no memory yet")               \
    X(refused,         "requests of pooled size passed to jemalloc")                     \
    X(bytes_requested, "bytes of all requests the pool served")                          \
    X(warm_pages,      "pages of buffers since freed that were in memory when handed out")   \
    X(puts,            "buffers given back by the program")                              \
    X(bytes_scrubbed,  "bytes overwritten with zeros")                                   \
    X(helped,          "buffers made zero by the helper")                                    \
    X(bytes_dropped,   "bytes given back to the kernel instead of being overwritten")    \
    X(contended,       "times a shard's lock was taken by another thread")               \
    X(stolen,          "requests served by another thread's shard")                      \
    X(spilled,         "buffers that went to a neighbour because the own shard was full") \
    X(evicted,         "pooled buffers decommitted to make room")                        \
    X(decayed,         "pooled buffers decommitted because they had been idle")          \
    X(unretained,      "buffers decommitted because there was no room")                  \
    X(dropped,         "buffers shared by a fork or marked by the program, dropped when freed") \
    X(grown_in_place,  "reallocs that only changed the buffer's size")                   \
    X(moved_by_pages,  "reallocs that moved pages to another slot")                      \
    X(moved_by_copy,   "reallocs that copied bytes")                                     \
    X(reads_shared,    "large reads from files that were shared with the team")          \
    X(bytes_shared,    "bytes of those reads")
// clang-format on

struct zp_counters {
#define ZP_COUNTER_FIELD(name, help) uint64_t name;
    ZP_COUNTERS(ZP_COUNTER_FIELD)
#undef ZP_COUNTER_FIELD
};

// Sets a counter of this thread, which another may read at the same time; adds to one.

static inline void zp_count_to(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline void zp_count(uint64_t *counter, uint64_t n)
{
    zp_count_to(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n);
}

// Adds all of `from` to `into`.
void zp_counters_add(struct zp_counters *into, const struct zp_counters *from);

// Requests that the pool served.
uint64_t zp_counters_served(const struct zp_counters *counters);

#endif
