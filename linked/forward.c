// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool.h in a linked library: calls go to the preloaded library if that is in the process, else
// to the pool in here. Which of them is found out once, at the first call.

#include "interface/calls.h"

#include <dlfcn.h>
#include <stdatomic.h>

static const struct zp_calls own = ZP_CALLS_OWN;

#define SHOWN(name)                                                                                \
    extern __typeof__(zeropool_##name) zeropool_##name __attribute__((visibility("default")));
ZP_CALLS(SHOWN)

static const struct zp_calls *_Atomic chosen; // the same for every thread

static __attribute__((cold, noinline)) const struct zp_calls *choose(void)
{
    const struct zp_calls *calls = dlsym(RTLD_DEFAULT, ZP_CALLS_SYMBOL);
    if (calls == NULL || calls->size < sizeof(own))
        calls = &own;
    atomic_store_explicit(&chosen, calls, memory_order_relaxed);
    return calls;
}

static const struct zp_calls *to(void)
{
    const struct zp_calls *calls = atomic_load_explicit(&chosen, memory_order_relaxed);
    return __builtin_expect(calls != NULL, 1) ? calls : choose();
}

const char *zeropool_version(void)
{
    return to()->version();
}

void *zeropool_get(size_t size)
{
    return to()->get(size);
}

void *zeropool_get_zeroed(size_t size)
{
    return to()->get_zeroed(size);
}

void *zeropool_get_aligned(size_t alignment, size_t size)
{
    return to()->get_aligned(alignment, size);
}

void *zeropool_try_get(size_t size)
{
    return to()->try_get(size);
}

void zeropool_put(void *buffer)
{
    to()->put(buffer);
}

int zeropool_get_batch(void **buffers, const size_t *sizes, size_t count)
{
    return to()->get_batch(buffers, sizes, count);
}

void zeropool_put_batch(void *const *buffers, size_t count)
{
    to()->put_batch(buffers, count);
}

size_t zeropool_prewarm(size_t size, size_t count)
{
    return to()->prewarm(size, count);
}

size_t zeropool_trim(void)
{
    return to()->trim();
}

int zeropool_stats_get(struct zeropool_stats *stats)
{
    return to()->stats_get(stats);
}

double zeropool_hit_rate(void)
{
    return to()->hit_rate();
}

int zeropool_owns(const void *pointer)
{
    return to()->owns(pointer);
}

int zeropool_detach(void *buffer)
{
    return to()->detach(buffer);
}

int zeropool_freeze(void *buffer)
{
    return to()->freeze(buffer);
}

int zeropool_retain(const void *buffer)
{
    return to()->retain(buffer);
}

void zeropool_release(const void *buffer)
{
    to()->release(buffer);
}

int zeropool_numa_node(const void *pointer)
{
    return to()->numa_node(pointer);
}

int zeropool_options_get(struct zeropool_options *options)
{
    return to()->options_get(options);
}

struct zeropool_pool *zeropool_pool_create(const struct zeropool_options *options)
{
    return to()->pool_create(options);
}

void zeropool_pool_destroy(struct zeropool_pool *pool)
{
    to()->pool_destroy(pool);
}

void *zeropool_pool_get(struct zeropool_pool *pool, size_t size)
{
    return to()->pool_get(pool, size);
}

void *zeropool_pool_get_aligned(struct zeropool_pool *pool, size_t alignment, size_t size)
{
    return to()->pool_get_aligned(pool, alignment, size);
}

void *zeropool_pool_try_get(struct zeropool_pool *pool, size_t size)
{
    return to()->pool_try_get(pool, size);
}

int zeropool_pool_get_batch(struct zeropool_pool *pool, void **buffers, const size_t *sizes,
                            size_t count)
{
    return to()->pool_get_batch(pool, buffers, sizes, count);
}

size_t zeropool_pool_prewarm(struct zeropool_pool *pool, size_t size, size_t count)
{
    return to()->pool_prewarm(pool, size, count);
}

size_t zeropool_pool_trim(struct zeropool_pool *pool)
{
    return to()->pool_trim(pool);
}

int zeropool_pool_stats_get(struct zeropool_pool *pool, struct zeropool_stats *stats)
{
    return to()->pool_stats_get(pool, stats);
}

double zeropool_pool_hit_rate(struct zeropool_pool *pool)
{
    return to()->pool_hit_rate(pool);
}
