// SPDX-License-Identifier: MIT OR Apache-2.0

#include "thread_cache.h"

#include "lock.h"
#include "os.h"
#include "stack.h"

#include <string.h>

// Caches are made by this many bytes at a time.
enum { CHUNK = 64 * 1024 };

struct zp_thread_cache zp_no_cache;
ZP_TLS struct zp_thread_cache *zp_thread_cache = &zp_no_cache;

static struct {
    struct zp_lock emptying; // one thread at a time claims caches
    struct zp_lock lock;
    struct zp_thread_cache *all; // only ever grows, so it is walked without the lock
    struct zp_thread_cache *free[ZP_POOLS_MOST];
    struct zp_thread_cache *fresh, *fresh_end; // never used: their pages have not been touched
} threads;

static ZP_FROZEN struct {
    unsigned capacity;
    bool dirty;
    unsigned settled; // entries that stay when a cache is closed: all, if no fast path is used
} config = {0};

static void push_free(struct zp_thread_cache *cache)
{
    cache->next_free = threads.free[cache->pool];
    threads.free[cache->pool] = cache;
}

// The counters of those that are gone are the pool's still, so a cache stays with its pool.
static struct zp_thread_cache *take_free(unsigned pool)
{
    zp_lock_take(&threads.lock);
    struct zp_thread_cache *cache = threads.free[pool];
    if (cache != NULL) {
        threads.free[pool] = cache->next_free;
    } else if (threads.fresh != threads.fresh_end) {
        cache = threads.fresh++;
        cache->pool = pool;
        cache->next = threads.all;
        __atomic_store_n(&threads.all, cache, __ATOMIC_RELEASE);
    }
    zp_lock_release(&threads.lock);
    return cache;
}

// Should two threads come here at once, what one has made stays addresses without memory.
static void make_more(void)
{
    void *chunk;
    if (zp_os_map_fenced(CHUNK, PROT_READ | PROT_WRITE, &chunk) != 0)
        return;
    zp_lock_take(&threads.lock);
    threads.fresh = chunk;
    threads.fresh_end = threads.fresh + CHUNK / sizeof(struct zp_thread_cache);
    zp_lock_release(&threads.lock);
}

// ---- Buffers ---------------------------------------------------------------------------------

static void set_bytes(struct zp_thread_cache *cache, size_t bytes)
{
    __atomic_store_n(&cache->bytes, bytes, __ATOMIC_RELAXED);
}

static void settle(struct zp_thread_cache *cache)
{
    struct zp_cached *newest = &cache->newest;
    if (newest->room == 0)
        return;
    cache->entries[cache->count++] = *newest;
    set_bytes(cache, cache->bytes + zp_cached_bytes(newest));
    zp_cached_set_room(newest, 0);
}

struct zp_slot *zp_thread_cache_take_at(struct zp_thread_cache *cache, unsigned place)
{
    struct zp_slot *slot = cache->entries[place].slot;
    zp_slot_step(slot, ZP_SLOT_TAKEN);
    set_bytes(cache, cache->bytes - zp_cached_bytes(&cache->entries[place]));
    cache->count--;
    if (place < cache->settled)
        cache->settled = place;
    for (unsigned i = place; i < cache->count; i++)
        cache->entries[i] = cache->entries[i + 1];
    return slot;
}

struct zp_slot *zp_thread_cache_take(struct zp_thread_cache *cache, size_t size, size_t slack)
{
    for (unsigned i = cache->count; i-- > 0;) {
        size_t bytes = zp_cached_bytes(&cache->entries[i]);
        if (bytes >= size && bytes - size <= slack)
            return zp_thread_cache_take_at(cache, i);
    }
    return NULL;
}

void zp_thread_cache_push(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    zp_slot_step(slot, ZP_SLOT_CACHED);
    cache->entries[cache->count++] = (struct zp_cached){slot->start, zp_slot_room(slot), slot};
    set_bytes(cache, cache->bytes + slot->usable);
}

// What the fast paths put is seen when the cache is opened, what the slow paths put when it is
// closed.
static void note_use(struct zp_thread_cache *cache)
{
    if (cache->bytes > cache->most_used)
        cache->most_used = cache->bytes;
}

size_t zp_thread_cache_take_unused(struct zp_thread_cache *cache, uint32_t now, uint32_t every)
{
    if (now - cache->looked < every)
        return 0;
    note_use(cache);
    cache->looked = now;
    size_t used = cache->most_used;
    cache->most_used = cache->bytes;
    if (used >= cache->granted)
        return 0;
    size_t unused = cache->granted - used;
    zp_thread_cache_grant(cache, used);
    return unused;
}

unsigned zp_thread_cache_settled(struct zp_thread_cache *cache, uint32_t now, uint32_t every,
                                 uint32_t *since)
{
    if (now - cache->sorted < every)
        return 0;
    unsigned settled = cache->settled;
    *since = cache->sorted;
    cache->sorted = now;
    cache->settled = cache->count;
    return settled;
}

bool zp_thread_cache_try_open(struct zp_thread_cache *cache)
{
    if (!zp_thread_cache_try_enter(cache))
        return false;
    settle(cache);
    note_use(cache);
    return true;
}

void zp_thread_cache_open(struct zp_thread_cache *cache)
{
    while (!zp_thread_cache_try_open(cache)) {
        zp_lock_take(&threads.emptying); // held while anything is claimed
        zp_lock_release(&threads.emptying);
    }
}

void zp_thread_cache_close(struct zp_thread_cache *cache)
{
    note_use(cache);
    if (cache->count > config.settled) {
        struct zp_cached newest = cache->entries[--cache->count];
        if (cache->count < cache->settled)
            cache->settled = cache->count;
        set_bytes(cache, cache->bytes - zp_cached_bytes(&newest));
        zp_cached_set_start(&cache->newest, newest.start);
        cache->newest.slot = newest.slot;
        zp_cached_set_room(&cache->newest, newest.room);
    }
    if (cache != &zp_no_cache)
        cache->dirty_room = cache->count < cache->dirty_capacity && !zp_stack_recorded &&
                                    config.settled == 0 && !cache->attentive
                                ? cache->granted - cache->bytes
                                : 0;
    zp_thread_cache_leave(cache);
}

// ---- Caches ----------------------------------------------------------------------------------

void zp_thread_caches_init(unsigned capacity, bool dirty, bool fast)
{
    zp_lock_init(&threads.emptying, ZP_RANK_EMPTYING);
    zp_lock_init(&threads.lock, ZP_RANK_THREADS);
    config.capacity = capacity;
    config.dirty = dirty;
    config.settled = fast ? 0 : ZP_CACHE_MOST;
}

struct zp_thread_cache *zp_thread_cache_acquire(unsigned pool)
{
    struct zp_thread_cache *cache = take_free(pool);
    if (cache == NULL) {
        make_more();
        cache = take_free(pool);
    }
    if (cache == NULL)
        return NULL;
    cache->attentive = false;
    cache->looked = cache->sorted = zp_os_clock();
    zp_thread_cache_stamp(cache, cache->sorted);
    return cache;
}

// A cache that ends may be of a pool that was closed, whose number another has now.
void zp_thread_cache_enable(struct zp_thread_cache *cache, bool ends)
{
    unsigned most = 0;
    if (ends)
        most = cache->pool == 0 ? config.capacity : zp_pools[cache->pool].traits.thread_cache;
    cache->capacity = most;
    cache->dirty_capacity = config.dirty ? most : 0;
}

void zp_thread_cache_give_up(struct zp_thread_cache *cache)
{
    zp_lock_take(&threads.lock);
    push_free(cache);
    zp_lock_release(&threads.lock);
}

static struct zp_thread_cache *first_cache(void)
{
    return __atomic_load_n(&threads.all, __ATOMIC_ACQUIRE);
}

void zp_thread_caches_sum(struct zp_counters *sum, uint64_t *bytes)
{
    memset(sum, 0, sizeof(*sum));
    *bytes = 0;
    zp_counters_add(sum, &zp_no_cache.counters);
    for (struct zp_thread_cache *cache = first_cache(); cache != NULL; cache = cache->next) {
        zp_counters_add(sum, &cache->counters);
        *bytes += zp_thread_cache_bytes(cache);
    }
}

void zp_thread_caches_sum_of(unsigned pool, struct zp_counters *sum, uint64_t *bytes,
                             uint64_t *granted)
{
    memset(sum, 0, sizeof(*sum));
    *bytes = *granted = 0;
    for (struct zp_thread_cache *cache = first_cache(); cache != NULL; cache = cache->next)
        if (cache->pool == pool) {
            zp_counters_add(sum, &cache->counters);
            *bytes += zp_thread_cache_bytes(cache);
            *granted += __atomic_load_n(&cache->granted, __ATOMIC_RELAXED);
        }
}

// Whether a cache has not been used for so long. The fast paths only count puts: their use is
// noticed at the next call of this.
static bool is_idle(struct zp_thread_cache *cache, uint32_t now, uint32_t idle)
{
    if (idle == 0)
        return true;
    uint64_t puts = __atomic_load_n(&cache->counters.puts, __ATOMIC_RELAXED);
    if (puts != __atomic_load_n(&cache->seen, __ATOMIC_RELAXED)) {
        zp_thread_cache_stamp(cache, now);
        return false;
    }
    return now - __atomic_load_n(&cache->stamp, __ATOMIC_RELAXED) >= idle;
}

static bool is_claimed(const struct zp_thread_cache *cache)
{
    return __atomic_load_n(&cache->claimed, __ATOMIC_RELAXED);
}

static bool is_empty(const struct zp_thread_cache *cache)
{
    return zp_thread_cache_bytes(cache) == 0 &&
           __atomic_load_n(&cache->granted, __ATOMIC_RELAXED) == 0;
}

// Claims the caches of other threads that are to be emptied; false if there are none.
static bool claim(const struct zp_thread_cache *own, unsigned pool, uint32_t idle)
{
    bool any = false;
    uint32_t now = zp_os_clock();
    for (struct zp_thread_cache *cache = first_cache(); cache != NULL; cache = cache->next) {
        if (cache->pool != pool || cache == own || is_empty(cache) || !is_idle(cache, now, idle))
            continue;
        __atomic_store_n(&cache->claimed, true, __ATOMIC_SEQ_CST);
        any = true;
    }
    return any;
}

// Puts all that a claimed cache holds before `list`, unless its owner is inside.
static struct zp_slot *empty_claimed(struct zp_thread_cache *cache, struct zp_slot *list,
                                     size_t *spare)
{
    if (!__atomic_load_n(&cache->inside, __ATOMIC_SEQ_CST)) {
        settle(cache);
        *spare += cache->granted - cache->bytes;
        zp_thread_cache_grant(cache, 0);
        cache->dirty_room = cache->most_used = 0;
        while (cache->count > 0) {
            struct zp_slot *slot = zp_thread_cache_take_at(cache, 0);
            slot->since = __atomic_load_n(&cache->stamp, __ATOMIC_RELAXED);
            slot->links[ZP_ORDER_CLASS].older = list;
            list = slot;
        }
    }
    __atomic_store_n(&cache->claimed, false, __ATOMIC_RELEASE);
    return list;
}

struct zp_slot *zp_thread_caches_take(const struct zp_thread_cache *own, unsigned pool,
                                      uint32_t idle, size_t *spare)
{
    struct zp_slot *list = NULL;
    *spare = 0;
    zp_lock_take(&threads.emptying);
    if (claim(own, pool, idle)) {
        bool safe = zp_os_barrier() == 0;
        for (struct zp_thread_cache *cache = first_cache(); cache != NULL; cache = cache->next) {
            if (!is_claimed(cache))
                continue;
            if (safe)
                list = empty_claimed(cache, list, spare);
            else
                __atomic_store_n(&cache->claimed, false, __ATOMIC_RELEASE);
        }
    }
    zp_lock_release(&threads.emptying);
    return list;
}

void zp_thread_caches_lock(void)
{
    zp_lock_take(&threads.emptying);
    zp_lock_take(&threads.lock);
}

void zp_thread_caches_unlock(void)
{
    zp_lock_release(&threads.lock);
    zp_lock_release(&threads.emptying);
}

void zp_thread_caches_reset(void)
{
    zp_lock_reset(&threads.lock);
    zp_lock_reset(&threads.emptying);
    memset(threads.free, 0, sizeof(threads.free));
    memset(&zp_no_cache.counters, 0, sizeof(zp_no_cache.counters));
    for (struct zp_thread_cache *cache = first_cache(); cache != NULL; cache = cache->next) {
        memset(&cache->counters, 0, sizeof(cache->counters));
        cache->inside = cache->claimed = false;
        cache->newest.room = 0;
        cache->count = 0;
        cache->bytes = 0;
        cache->granted = cache->dirty_room = cache->most_used = 0;
        cache->settled = 0;
        cache->attentive = false;
        cache->next_own = NULL;
        if (cache->others != NULL)
            memset(cache->others, 0, sizeof(*cache->others));
        if (cache != zp_thread_cache) {
            cache->capacity = cache->dirty_capacity = 0;
            push_free(cache);
        }
    }
}
