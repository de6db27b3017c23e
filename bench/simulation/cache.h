// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The caches of the simulated CPUs: which lines each has, and whether alone.
//
// Each CPU has 1 MiB, eight ways; the CPUs of a node share 32 MiB more, for lines that have left
// those or that several have read. A line is changed by the CPU that has it alone.
//
// Locking: none, one thread. Fork: nothing to do.

#ifndef ZP_BENCH_SIMULATION_CACHE_H
#define ZP_BENCH_SIMULATION_CACHE_H

#include <stdbool.h>
#include <stdint.h>

void cache_init(unsigned cpus, unsigned nodes);

// Whether a CPU has the line, alone if it is to be written.
bool cache_has(unsigned cpu, uint64_t line, bool to_write);

enum cache_source {
    FROM_SHARED_CACHE,
    FROM_SAME_NODE,  // from a CPU that had it alone, or that has to drop it
    FROM_OTHER_NODE, // the same
    FROM_COPY,       // in another node's caches, where it stays
    FROM_MEMORY,
};

// Gives a CPU a line that it does not have so. Says where it comes from.
enum cache_source cache_fetch(unsigned cpu, uint64_t line, bool to_write);

// When a line that was on its way to a CPU is free for the next one.
uint64_t *cache_free_at(uint64_t line);

// The CPU's own cache is empty, and that of its node holds nothing of the pool's.
void cache_displace(unsigned cpu);

#endif
