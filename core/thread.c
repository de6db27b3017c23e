// SPDX-License-Identifier: MIT OR Apache-2.0

#include "thread.h"

#include "os.h"
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

// The destructor of the key: the thread is ending. The next thread may have the cache for the
// process's pool, and with it the table of the others, as soon as it is given up.
static void end_thread(void *argument)
{
    struct zp_thread_cache *main = argument, *other = main->next_own;
    for (struct zp_thread_cache *cache = main; cache != NULL; cache = cache->next_own)
        end_cache(cache);
    zp_thread_cache = &zp_no_cache;
    main->next_own = NULL;
    for (struct zp_thread_cache *next; other != NULL; other = next) {
        next = other->next_own;
        main->others->of[other->pool] = NULL;
        zp_thread_cache_give_up(other);
    }
    zp_thread_cache_give_up(main);
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

// Sets an empty cache up as the pool has it that has the number now.
static void set_up_for(struct zp_thread_cache *main, struct zp_thread_cache *cache)
{
    cache->opened = zp_pools[cache->pool].opened;
    cache->home = zp_shards_next_home(cache->pool);
    zp_thread_cache_enable(cache, pthread_setspecific(key, main) == 0);
}

struct zp_thread_cache *zp_thread_known_cache_of(unsigned pool)
{
    struct zp_thread_cache *main = zp_thread_cache;
    if (pool == 0)
        return main;
    struct zp_thread_cache *cache = main->others != NULL ? main->others->of[pool] : NULL;
    if (cache != NULL && ZP_UNLIKELY(cache->opened != zp_pools[pool].opened))
        set_up_for(main, cache);
    return cache;
}

// The table stays with the cache when the thread ends.
static struct zp_thread_caches *table_of(struct zp_thread_cache *main)
{
    void *table;
    if (main->others == NULL &&
        zp_os_map(sizeof(struct zp_thread_caches), PROT_READ | PROT_WRITE, &table) == 0)
        main->others = table;
    return main->others;
}

static ZP_COLD struct zp_thread_cache *make_cache_of(struct zp_thread_cache *main, unsigned pool)
{
    struct zp_thread_caches *table = table_of(main);
    struct zp_thread_cache *cache = table != NULL ? zp_thread_cache_acquire(pool) : NULL;
    if (cache == NULL)
        return NULL;
    set_up_for(main, cache);
    cache->next_own = main->next_own;
    main->next_own = table->of[pool] = cache;
    return cache;
}

struct zp_thread_cache *zp_thread_cache_of(unsigned pool)
{
    struct zp_thread_cache *main = zp_thread_own_cache();
    if (pool == 0 || main == &zp_no_cache)
        return pool == 0 ? main : NULL;
    struct zp_thread_cache *cache = zp_thread_known_cache_of(pool);
    return cache != NULL ? cache : make_cache_of(main, pool);
}
