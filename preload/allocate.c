// SPDX-License-Identifier: MIT OR Apache-2.0

#include "allocate.h"

#include <errno.h>

struct zp_slot *zp_get(size_t size, size_t alignment, const void *caller)
{
    struct zp_slot *slot = zp_pool_get_for(size, alignment, caller);
    while (ZP_UNLIKELY(slot == NULL) && zp_start() && !zp_is_small(size))
        slot = zp_pool_get_for(size, alignment, caller);
    return slot;
}

void *zp_allocate_searching(size_t size, const void *caller)
{
    struct zp_slot *slot = zp_get(size, 1, caller);
    return slot != NULL ? slot->start : zp_je_malloc(size);
}

void *zp_allocate_aligned(size_t alignment, size_t size, const void *caller)
{
    if (ZP_UNLIKELY(!zp_is_small(size))) {
        struct zp_slot *slot = zp_get(size, alignment, caller);
        if (slot != NULL)
            return slot->start;
    }
    // jemalloc's memalign does not set errno, and does not align blocks of size 0.
    void *pointer = zp_je_memalign(alignment, size != 0 ? size : 1);
    if (ZP_UNLIKELY(pointer == NULL))
        errno = ENOMEM;
    return pointer;
}
