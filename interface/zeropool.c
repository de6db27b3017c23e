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
#include "interface/request.h"
#include "interface/version.h"

#include <errno.h>

#define CALLER __builtin_return_address(0)

const char *zeropool_version(void)
{
    return ZP_VERSION;
}

// ---- Get and put -----------------------------------------------------------------------------

// A buffer that this thread's cache has at hand, as long as that takes nanoseconds.
static void *get_newest(size_t size)
{
    return size < ZP_GLANCE(zp_arena.threshold) ? NULL : zp_pool_get_newest(size);
}

void *zeropool_get(size_t size)
{
    void *buffer = get_newest(size);
    if (ZP_UNLIKELY(buffer == NULL))
        buffer = zp_request(0, size, 1, CALLER);
    return buffer != NULL ? buffer : zp_fail(ENOMEM);
}

void *zeropool_get_zeroed(size_t size)
{
    struct zp_slot *slot = zp_request_pooled(0, size, 1, CALLER);
    if (slot == NULL)
        return size <= PTRDIFF_MAX ? zp_host_calloc(size) : zp_fail(ENOMEM);
    zp_pool_make_zero(slot, size);
    return slot->start;
}

void *zeropool_get_aligned(size_t alignment, size_t size)
{
    if (!zp_is_power_of_two(alignment))
        return zp_fail(EINVAL);
    void *buffer = zp_request(0, size, alignment, CALLER);
    return buffer != NULL ? buffer : zp_fail(ENOMEM);
}

void *zeropool_try_get(size_t size)
{
    void *buffer = get_newest(size);
    return buffer != NULL ? buffer : zp_request_try(0, size);
}

void zeropool_put(void *buffer)
{
    if (zp_arena_owns(buffer))
        zp_pool_put(buffer);
    else
        zp_host_free(buffer);
}

int zeropool_get_batch(void **buffers, const size_t *sizes, size_t count)
{
    return zp_request_batch(0, buffers, sizes, count, CALLER);
}

void zeropool_put_batch(void *const *buffers, size_t count)
{
    zp_request_put_batch(buffers, count, CALLER);
}

// ---- The pool --------------------------------------------------------------------------------

size_t zeropool_prewarm(size_t size, size_t count)
{
    zp_host_start();
    return zp_pool_prewarm_now(0, size, count);
}

size_t zeropool_trim(void)
{
    return zp_pool_trim();
}

int zeropool_stats_get(struct zeropool_stats *stats)
{
    return zp_request_stats(0, stats);
}

double zeropool_hit_rate(void)
{
    return zp_request_hit_rate(0);
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

#ifndef ZP_LINKED_OWN_H
#include "interface/calls.h"
ZP_CALLS_OF_ONE(ZP_CALL_ALIAS)
#endif
