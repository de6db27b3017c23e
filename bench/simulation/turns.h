// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the threads of the simulated program do: each has a set of live buffers, and in each turn
// gets a new one and gives back a random one of its set. The new one has the size of the one that
// it gave back 16 turns before, so that the sizes that are live stay the same. The same code runs
// on real threads (scale_real.c).
//
// The sizes are 1.5, 3, 6, 12, 24 and 48 MiB: half of the buffers have the first, a quarter the
// second and so on, so that each size holds as many bytes. A million are 4.4 TiB.
//
// Locking: none; the entries of sets are exchanged atomically. Fork: nothing to do.

#ifndef ZP_BENCH_SIMULATION_TURNS_H
#define ZP_BENCH_SIMULATION_TURNS_H

#include "core/pool.h"

enum work {
    WORK_TURN,   // with the default caches
    WORK_SHARD,  // without thread caches: each get and put goes through a shard
    WORK_HANDED, // every second turn with the set of a partner: what one gets the other gives back
    WORK_MISSED, // as with WORK_SHARD, and every 1,024th turn a get that finds nothing anywhere
    WORK_POOLED, // as with WORK_SHARD, and it is not the live buffers that are many, but the pooled
    WORKS,
};

// By its name; WORKS if there is none.
enum work work_named(const char *name);

// The configuration that the library makes of its defaults for such a machine, with
// ZEROPOOL_ZERO=off, so that no time is spent on buffers.
void turns_configure(struct zp_pool_config *config, enum work work, unsigned cpus, size_t most);

// For `threads` threads of so much work; room for `most` buffers.
void turns_init(enum work work, unsigned threads, size_t most);

// Adds a live buffer to a thread's set; gives back all but so many. By the thread, or with its
// cache.
void turns_grow(unsigned thread);
void turns_shrink(unsigned thread, size_t live);

void turns_do(unsigned thread, size_t count);

size_t turns_live(void);

#endif
