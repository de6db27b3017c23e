// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the functions of zeropool.h need of a linked library: the program's own malloc.

#include "interface/host.h"

#include "linked/start.h"

#include <stdlib.h>
#include <string.h>

void zp_host_start(void)
{
    zp_linked_start();
}

struct zp_slot *zp_host_get(size_t size, size_t alignment, const void *caller)
{
    struct zp_slot *slot = zp_pool_get_for(size, alignment, caller);
    if (ZP_UNLIKELY(slot == NULL) && !__atomic_load_n(&zp_pool.started, __ATOMIC_ACQUIRE)) {
        zp_linked_start();
        if (size >= zp_arena.threshold)
            slot = zp_pool_get_for(size, alignment, caller);
    }
    return slot;
}

void *zp_host_calloc(size_t size)
{
    return calloc(1, size);
}

void *zp_host_calloc_aligned(size_t alignment, size_t size)
{
    void *pointer;
    size_t least = alignment < sizeof(void *) ? sizeof(void *) : alignment;
    if (posix_memalign(&pointer, least, size) != 0)
        return NULL;
    return memset(pointer, 0, size);
}

void zp_host_free(void *pointer)
{
    free(pointer);
}
