// SPDX-License-Identifier: MIT OR Apache-2.0

#include "thread.h"

#include "retain.h"
#include "shard.h"

#include <pthread.h>

static ZP_FROZEN pthread_key_t key = 0;

// Set before a thread's cache is set up and never reset: it is set up once in a thread's life.
static ZP_TLS bool has_been_set_up;

static void end_cache(struct zp_thread_cache *cache)
{
    zp_thread_cache_open(cache);
    zp_thread_cache_enable(cache, false);
    zp_retain_flush(cache);
    zp_thread_cache_close(cache);
}

// The destructor of the key: the thread is ending.
static void end_thread(void *argument)
{
    for (struct zp_thread_cache *cache = argument; cache != NULL; cache = cache->next_own)
        end_cache(cache);
    zp_thread_cache = &zp_no_cache;
    for (struct zp_thread_cache *cache = argument, *next; cache != NULL; cache = next) {
        next = cache->next_own;
        cache->next_own = NULL;
        zp_thread_cache_give_up(cache);
    }
}

int zp_threads_init(void)
{
    return -pthread_key_create(&key, end_thread);
}

struct zp_thread_cache *zp_thread_set_up(void)
{
    if (has_been_set_up)
        return &zp_no_cache;
    has_been_set_up = true; // first of all: pthread_setspecific may allocate and come back here
    struct zp_thread_cache *cache = zp_thread_cache_acquire(0);
    if (cache == NULL)
        return &zp_no_cache;
    cache->home = zp_shards_next_home(0);
    // Without the destructor it would not be emptied, so nothing may be put into it.
    zp_thread_cache_enable(cache, pthread_setspecific(key, cache) == 0);
    zp_thread_cache = cache;
    return cache;
}

struct zp_thread_cache *zp_thread_known_cache_of(unsigned pool)
{
    struct zp_thread_cache *cache = zp_thread_cache;
    while (cache != NULL && cache->pool != pool)
        cache = cache->next_own;
    return cache;
}

struct zp_thread_cache *zp_thread_cache_of(unsigned pool)
{
    struct zp_thread_cache *main = zp_thread_own_cache();
    struct zp_thread_cache *cache = zp_thread_known_cache_of(pool);
    if (cache != NULL || main == &zp_no_cache)
        return cache;
    cache = zp_thread_cache_acquire(pool);
    if (cache == NULL)
        return NULL;
    cache->home = zp_shards_next_home(pool);
    zp_thread_cache_enable(cache, pthread_setspecific(key, main) == 0);
    cache->next_own = main->next_own;
    main->next_own = cache;
    return cache;
}
