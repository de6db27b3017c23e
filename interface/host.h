// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the functions of zeropool.h need of the library that they are in: how the pool is started,
// and the allocator behind it. The preloaded library has jemalloc (preload/host.c), the one that
// programs link has their malloc (linked/host.c).
//
// Locking: none here. Fork: nothing to do.

#ifndef ZP_INTERFACE_HOST_H
#define ZP_INTERFACE_HOST_H

#include "core/pool.h"

// Starts the pool if it has not been started.
void zp_host_start(void);

// A buffer of the pool, which is started if need be. NULL: the request is the allocator's, and may
// be too large for anybody. `caller` is a return address in the program.
struct zp_slot *zp_host_get(size_t size, size_t alignment, const void *caller);

// Memory of the allocator that is zero, at a multiple of what malloc aligns to, or of `alignment`.
// NULL if there is none.
void *zp_host_calloc(size_t size);
void *zp_host_calloc_aligned(size_t alignment, size_t size);
void zp_host_free(void *pointer);

#endif
