// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the functions of zeropool.h need of this library (interface/host.h), and the table of them
// for a linked library in the same process (interface/calls.h).

#include "interface/host.h"

#include "interface/calls.h"
#include "preload/allocate.h"
#include "preload/export.h"

#include <string.h>

EXPORT const struct zp_calls zeropool_calls = ZP_CALLS_OWN;

void zp_host_start(void)
{
    while (!zp_pool.started && zp_start()) {
    }
}

struct zp_slot *zp_host_get(size_t size, size_t alignment, const void *caller)
{
    return zp_get(size, alignment, caller);
}

void *zp_host_calloc(size_t size)
{
    return zp_je_calloc(1, size);
}

void *zp_host_calloc_aligned(size_t alignment, size_t size)
{
    void *pointer = zp_je_memalign(alignment, size != 0 ? size : 1);
    return pointer != NULL ? memset(pointer, 0, size) : NULL;
}

void zp_host_free(void *pointer)
{
    zp_je_free(pointer);
}
