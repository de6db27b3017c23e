// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pool_calls.h"

#include "core/pool.h"

void *pool_get(size_t size)
{
    void *newest = zp_pool_get_newest(size);
    if (newest != NULL)
        return newest;
    struct zp_slot *slot = zp_pool_get_for(size, 1, __builtin_return_address(0));
    return slot != NULL ? slot->start : NULL;
}

void pool_put(void *buffer)
{
    zp_pool_put(buffer);
}
