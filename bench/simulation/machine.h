// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A machine with many CPUs, simulated on one thread: each CPU runs one thread of the program, as a
// coroutine with a time of its own. The core that runs on it is the real one, compiled so that each
// load, each store and each atomic operation is a call of machine_access (accesses.c).
//
// What takes time:
//   - Each access that the CPU's own cache serves: `access`.
//   - A line that another CPU has changed, or that is to be changed while others have it: as long
//     as it takes to come from there, by node. One CPU at a time gets it; the next one waits.
//   - Any other line: from the cache that the CPUs of a node share, or from memory.
//   - A lock that is held: the thread sleeps, and is woken by the owner's release. A thread that
//     comes in between may get it first. These are the rules of glibc's mutexes.
//   - System calls, by kind. Those that change mappings exclude each other.
//
// CPUs run in the order of their times wherever they touch what others share, so who waits for whom
// follows from the times.
//
// Not modelled: execution out of order and prefetching, so that misses overlap in no access; the
// frequency of CPUs; more threads than CPUs; the owner's own use of memory, but for
// machine_displace.
//
// Locking: none, one thread. Fork: nothing to do.

#ifndef ZP_BENCH_SIMULATION_MACHINE_H
#define ZP_BENCH_SIMULATION_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MACHINE_CPUS_MOST = 128 };

// Nanoseconds.
struct machine_costs {
    double access;       // that the CPU's own cache serves
    double atomic;       // on top of it, an operation that reads and writes
    double shared_cache; // a line of the cache of the node
    double same_node;    // a line from another CPU of the node
    double other_node;
    double memory;
    double wake;    // what waking a thread takes the one who wakes it
    double wake_up; // until it runs
};

// As MACHINE_CPUS_MOST CPUs of two to eight nodes have them, roughly: docs/scale.md.
extern struct machine_costs machine_costs;

// What a CPU has done since machine_begin_measuring.
struct machine_work {
    uint64_t accesses;  // loads, stores and atomic operations
    uint64_t transfers; // lines that came from another CPU
    uint64_t misses;    // lines from the node's cache or from memory
    uint64_t sleeps;    // for a lock
    uint64_t calls;     // system calls
    double ns, ns_asleep, ns_kernel;
};

// CPUs are spread over the nodes in blocks.
void machine_init(unsigned cpus, unsigned nodes);

// Has each CPU run `work` once, to its end.
void machine_run(void (*work)(unsigned cpu));

// For `work`: what comes is measured, until the second.
void machine_begin_measuring(void);
struct machine_work machine_end_measuring(void);

// Before a look at what others change, whose own copy may be old: those that are behind catch up.
void machine_settle(void);

// The owner of a buffer has written so much that nothing is left in the caches.
void machine_displace(void);

// By the core: an access of `size` bytes. Does nothing where no CPU runs.
void machine_access(const volatile void *address, size_t size, bool writes, bool atomic);

#endif
