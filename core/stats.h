// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Statistics: what is counted and measured. The one list is stats.def: the structs here, the sum
// over threads and, in stats/, the reports and the live file are made from it.
//
// Always holds: a thread counts in its own thread cache, without atomic read-modify-write. A sum
// reads the counters of running threads: each may be a few events old, none is torn.
//
// Locking: none.
// Fork: a child starts with all counters at zero: its report is about itself.

#ifndef ZP_CORE_STATS_H
#define ZP_CORE_STATS_H

#include "base.h"
#include "size_class.h"

#define ZP_FAMILY(name, type, unit, help)
#define ZP_COUNTED(field, labels, help)
#define ZP_MEASURED(field, labels, help)
#define ZP_OF_CLASS(field, labels, help)

// What threads count.
struct zp_counters {
#undef ZP_COUNTED
#define ZP_COUNTED(field, labels, help) uint64_t field;
#include "stats.def"
#undef ZP_COUNTED
#define ZP_COUNTED(field, labels, help)
};

// The buffers of a size class, by the bytes that are committed in them.
struct zp_class_stats {
#undef ZP_OF_CLASS
#define ZP_OF_CLASS(field, labels, help) uint64_t field;
#include "stats.def"
#undef ZP_OF_CLASS
#define ZP_OF_CLASS(field, labels, help)
};

// All of it at one moment.
struct zp_pool_stats {
    struct zp_counters counters; // summed over threads
#undef ZP_MEASURED
#define ZP_MEASURED(field, labels, help) uint64_t field;
#include "stats.def"
#undef ZP_MEASURED
    struct zp_class_stats classes[ZP_CLASS_COUNT];
};

#undef ZP_FAMILY
#undef ZP_COUNTED
#undef ZP_OF_CLASS

// Sets a counter of this thread, which another may read at the same time; adds to one.

static inline void zp_count_to(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline void zp_count(uint64_t *counter, uint64_t n)
{
#ifdef ZP_COUNT_TWICE
    // What is longer in such a build is what counting costs (bench/workloads/counting.py).
    zp_count_to(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 2 * n);
    n = -n;
#endif
    zp_count_to(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n);
}

// Adds all of `from` to `into`.
void zp_counters_add(struct zp_counters *into, const struct zp_counters *from);

// Requests that the pool served.
uint64_t zp_counters_served(const struct zp_counters *counters);

#endif
