// SPDX-License-Identifier: MIT OR Apache-2.0

#include "thread_cache.h"

#include "lock.h"
#include "shard.h"

#include <string.h>

ZP_TLS struct zp_thread_cache zp_thread_cache;

static struct {
    struct zp_lock lock;
    struct zp_thread_cache *first;
    struct zp_counters past; // of threads that have ended
    unsigned capacity;
    void (*teardown)(struct zp_thread_cache *cache);
    pthread_key_t key;
} threads;

static void link_cache(struct zp_thread_cache *cache)
{
    cache->next = threads.first;
    cache->link = &threads.first;
    if (cache->next != NULL)
        cache->next->link = &cache->next;
    threads.first = cache;
}

static void unlink_cache(struct zp_thread_cache *cache)
{
    *cache->link = cache->next;
    if (cache->next != NULL)
        cache->next->link = cache->link;
}

static void settle_locked(struct zp_thread_cache *cache)
{
    zp_counters_add(&threads.past, &cache->counters);
    memset(&cache->counters, 0, sizeof(cache->counters));
}

// The destructor of the pthread key: the thread is ending.
static void end_thread(void *argument)
{
    struct zp_thread_cache *cache = argument;
    cache->capacity = 0;
    threads.teardown(cache);
    zp_lock_take(&threads.lock);
    cache->phase = ZP_CACHE_DEAD;
    unlink_cache(cache);
    settle_locked(cache);
    zp_lock_release(&threads.lock);
}

int zp_thread_caches_init(unsigned capacity, void (*teardown)(struct zp_thread_cache *cache))
{
    zp_lock_init(&threads.lock, ZP_RANK_THREADS);
    threads.capacity = capacity;
    threads.teardown = teardown;
    return -pthread_key_create(&threads.key, end_thread);
}

void zp_thread_cache_set_up(struct zp_thread_cache *cache)
{
    // First of all, as pthread_setspecific may allocate and come back here.
    cache->phase = ZP_CACHE_READY;
    cache->home = zp_shards_next_home();
    if (pthread_setspecific(threads.key, cache) != 0) {
        cache->phase = ZP_CACHE_DEAD; // nobody would empty it
        return;
    }
    cache->capacity = threads.capacity;
    zp_lock_take(&threads.lock);
    link_cache(cache);
    zp_lock_release(&threads.lock);
}

void zp_thread_cache_settle(struct zp_thread_cache *cache)
{
    zp_lock_take(&threads.lock);
    settle_locked(cache);
    zp_lock_release(&threads.lock);
}

void zp_thread_caches_sum(struct zp_counters *sum, size_t *bytes)
{
    zp_lock_take(&threads.lock);
    *sum = threads.past;
    *bytes = 0;
    for (struct zp_thread_cache *cache = threads.first; cache != NULL; cache = cache->next) {
        zp_counters_add(sum, &cache->counters);
        *bytes += __atomic_load_n(&cache->bytes, __ATOMIC_RELAXED);
    }
    zp_lock_release(&threads.lock);
}

void zp_thread_caches_lock(void)
{
    zp_lock_take(&threads.lock);
}

void zp_thread_caches_unlock(void)
{
    zp_lock_release(&threads.lock);
}

void zp_thread_caches_reset(void)
{
    struct zp_thread_cache *own = &zp_thread_cache;
    zp_lock_reset(&threads.lock);
    threads.first = NULL;
    memset(&threads.past, 0, sizeof(threads.past));
    memset(&own->counters, 0, sizeof(own->counters));
    if (own->phase == ZP_CACHE_READY)
        link_cache(own);
}
