// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The functions of zeropool.h, for whichever library they are in (host.h).

// What a library shows of itself: its map gives these names a version.
#pragma GCC visibility push(default)
#include "core/zeropool.h"
#pragma GCC visibility pop

#include "core/fatal.h"
#include "core/os.h"
#include "core/pool_batch.h"
#include "core/readonly.h"
#include "interface/host.h"
#include "interface/version.h"

#include <errno.h>
#include <string.h>

#define CALLER __builtin_return_address(0)

static void *fail(int error)
{
    errno = error;
    return NULL;
}

const char *zeropool_version(void)
{
    return ZP_VERSION;
}

// ---- Get and put -----------------------------------------------------------------------------

static bool is_small(size_t size)
{
    return size < ZP_GLANCE(zp_arena.threshold);
}

static void *get(size_t size, size_t alignment, const void *caller)
{
    struct zp_slot *slot =
        is_small(size) || size > PTRDIFF_MAX ? NULL : zp_host_get(size, alignment, caller);
    return slot != NULL ? slot->start : NULL;
}

static void *get_anywhere(size_t size, const void *caller)
{
    void *buffer = get(size, 1, caller);
    if (buffer == NULL && size <= PTRDIFF_MAX)
        buffer = zp_host_calloc(size);
    return buffer;
}

void *zeropool_get(size_t size)
{
    void *buffer = is_small(size) ? NULL : zp_pool_get_newest(size);
    if (ZP_UNLIKELY(buffer == NULL))
        buffer = get_anywhere(size, CALLER);
    return buffer != NULL ? buffer : fail(ENOMEM);
}

void *zeropool_get_aligned(size_t alignment, size_t size)
{
    if (!zp_is_power_of_two(alignment))
        return fail(EINVAL);
    void *buffer = get(size, alignment, CALLER);
    if (buffer == NULL && size <= PTRDIFF_MAX)
        buffer = zp_host_calloc_aligned(alignment, size);
    return buffer != NULL ? buffer : fail(ENOMEM);
}

void *zeropool_try_get(size_t size)
{
    if (size > PTRDIFF_MAX)
        return fail(ENOMEM);
    if (is_small(size))
        return fail(EAGAIN);
    void *buffer = zp_pool_get_newest(size);
    if (buffer != NULL)
        return buffer;
    struct zp_slot *slot = zp_pool_get_at_hand(size);
    return slot != NULL ? slot->start : fail(EAGAIN);
}

void zeropool_put(void *buffer)
{
    if (zp_arena_owns(buffer))
        zp_pool_put(buffer);
    else
        zp_host_free(buffer);
}

// ---- Batches ---------------------------------------------------------------------------------

// Whether the bytes of all requests can be added up.
static bool can_be(const size_t *sizes, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(sum, sizes[i], &sum) || sum > PTRDIFF_MAX)
            return false;
    return true;
}

static void put_all(void *const *buffers, size_t count, void *caller)
{
    zp_pool_put_batch(buffers, count, caller);
    for (size_t i = 0; i < count; i++)
        if (!zp_arena_owns(buffers[i]))
            zp_host_free(buffers[i]);
}

int zeropool_get_batch(void **buffers, const size_t *sizes, size_t count)
{
    size_t bytes;
    int saved = errno;
    if (__builtin_mul_overflow(count, sizeof(*buffers), &bytes) || bytes > PTRDIFF_MAX)
        return ENOMEM;
    if (!can_be(sizes, count)) {
        memset(buffers, 0, bytes);
        return ENOMEM;
    }
    zp_host_start();
    zp_pool_get_batch(buffers, sizes, count, CALLER);
    size_t got = 0;
    while (got < count &&
           (buffers[got] != NULL || (buffers[got] = get_anywhere(sizes[got], CALLER)) != NULL))
        got++;
    if (got < count) {
        put_all(buffers, count, CALLER);
        memset(buffers, 0, bytes);
    }
    errno = saved;
    return got < count ? ENOMEM : 0;
}

void zeropool_put_batch(void *const *buffers, size_t count)
{
    put_all(buffers, count, CALLER);
}

// ---- The pool --------------------------------------------------------------------------------

size_t zeropool_prewarm(size_t size, size_t count)
{
    zp_host_start();
    return zp_pool_prewarm_now(size, count);
}

size_t zeropool_trim(void)
{
    return zp_pool_trim();
}

int zeropool_stats_get(struct zeropool_stats *stats)
{
    if (stats == NULL || stats->size < offsetof(struct zeropool_stats, thread_hits))
        return EINVAL;
    struct zp_pool_stats now;
    zp_pool_stats(&now);
    struct zeropool_stats all = {
        .size = stats->size < sizeof(all) ? stats->size : sizeof(all),
        .version = ZEROPOOL_STATS_VERSION,
        .thread_hits = now.counters.thread_hits,
        .shard_hits = now.counters.shard_hits,
        .fresh = now.counters.fresh,
        .refused = now.counters.refused,
        .puts = now.counters.puts,
        .contended = now.counters.contended,
        .live_buffers = now.live_buffers,
        .live_bytes = now.live_bytes,
        .retained_bytes = now.retained_bytes,
        .budget_bytes = now.budget_bytes,
    };
    memcpy(stats, &all, all.size);
    return 0;
}

double zeropool_hit_rate(void)
{
    struct zp_pool_stats now;
    zp_pool_stats(&now);
    uint64_t served = zp_counters_served(&now.counters);
    return served != 0 ? 1 - (double)now.counters.fresh / (double)served : 0;
}

// ---- A buffer --------------------------------------------------------------------------------

// The record of a live buffer; NULL for any other pointer.
static ZP_RACY struct zp_slot *slot_of(const void *pointer)
{
    if (!zp_arena_owns(pointer))
        return NULL;
    struct zp_slot *slot = zp_arena_slot(pointer);
    return slot->state == ZP_SLOT_LIVE && slot->start == pointer ? slot : NULL;
}

int zeropool_owns(const void *pointer)
{
    return slot_of(pointer) != NULL;
}

int zeropool_detach(void *buffer)
{
    struct zp_slot *slot = slot_of(buffer);
    if (slot == NULL)
        return EINVAL;
    if (slot->readonly)
        return EBUSY;
    zp_slot_note_change(slot);
    return 0;
}

int zeropool_freeze(void *buffer)
{
    struct zp_slot *slot = slot_of(buffer);
    if (slot == NULL)
        return EINVAL;
    if (slot->readonly)
        return EBUSY;
    return zp_readonly_begin(slot) == 0 ? 0 : ENOMEM;
}

int zeropool_retain(const void *buffer)
{
    struct zp_slot *slot = slot_of(buffer);
    if (slot == NULL || !slot->readonly)
        return EINVAL;
    zp_readonly_retain(slot);
    return 0;
}

void zeropool_release(const void *buffer)
{
    static const char operation[] = "zeropool_release";
    if (buffer == NULL)
        return;
    struct zp_slot *slot = slot_of(buffer);
    if (slot != NULL && slot->readonly) {
        if (zp_readonly_release(slot))
            zp_pool_put(slot->start);
    } else if (slot == NULL && zp_arena_owns(buffer)) {
        zp_pool_bad_pointer(operation, buffer);
    } else if (zp_pool.check != ZP_CHECK_OFF) {
        zp_fatal_pointer(operation, " of a buffer that is not frozen", buffer, NULL);
    }
}

int zeropool_numa_node(const void *pointer)
{
    int node = zp_os_node_of(pointer);
    return node >= 0 ? node : -1;
}

// ---- The names of our own --------------------------------------------------------------------

#ifndef ZP_LINKED_OWN_H // there they have no other
#include "interface/calls.h"

#define OWN(name)                                                                                  \
    extern __typeof__(zeropool_##name) zp_own_##name                                               \
        __attribute__((alias("zeropool_" #name), visibility("hidden")));
ZP_CALLS(OWN)
#endif
