// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads: a thread gets its cache at its first large request and empties it when it ends.
//
// Always holds: the cache for the process's pool is set up at most once in a thread's life. The
// destructor of a pthread key empties it, and those for other pools, which are in a list behind it;
// destructors that run later find zp_no_cache.
//
// Locking: see thread_cache.h and retain.h. Fork: the thread that forks keeps its cache.

#ifndef ZP_CORE_THREAD_H
#define ZP_CORE_THREAD_H

#include "thread_cache.h"

// Called once. 0 or a negative errno.
int zp_threads_init(void);

// Gives this thread a cache, and returns it: zp_no_cache if it is ending, or if there is no memory
// for one. May allocate small memory (a pthread key's slot), never from the pool.
ZP_COLD struct zp_thread_cache *zp_thread_set_up(void);

// This thread's cache, set up if need be.
static inline struct zp_thread_cache *zp_thread_own_cache(void)
{
    struct zp_thread_cache *cache = zp_thread_cache;
    return cache != &zp_no_cache ? cache : zp_thread_set_up();
}

// This thread's cache for a pool, set up if need be; the first only if it has been. NULL if there
// is none, which is never so for the process's pool.
struct zp_thread_cache *zp_thread_known_cache_of(unsigned pool);
struct zp_thread_cache *zp_thread_cache_of(unsigned pool);

// The same, opened.
static inline struct zp_thread_cache *zp_thread_open_cache_of(unsigned pool)
{
    struct zp_thread_cache *cache = zp_thread_cache_of(pool);
    if (cache != NULL)
        zp_thread_cache_open(cache);
    return cache;
}

// The one for the process's pool, opened.
static inline struct zp_thread_cache *zp_thread_open_cache(void)
{
    struct zp_thread_cache *cache = zp_thread_own_cache();
    zp_thread_cache_open(cache);
    return cache;
}

#endif
