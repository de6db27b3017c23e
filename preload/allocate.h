// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The allocator behind every public name: C's (entry.c) and C++'s (operators.c).
//
// Small requests go straight to jemalloc, and so does every pointer that is not in the arena. The
// rare cases are functions of their own, so that an entry point is a compare and a jump.
//
// Always holds: the library calls itself by these names, never by a public one. Another preloaded
// library may interpose the public names, put a header before each block or count requests, and
// must see each request of the program once.

#ifndef ZP_PRELOAD_ALLOCATE_H
#define ZP_PRELOAD_ALLOCATE_H

#include "core/pool.h"
#include "preload/jemalloc.h"
#include "preload/start.h"

// Inlined into the entry points, whose return address is then the program's.
#define ZP_ENTRY static inline __attribute__((always_inline))

// The way to jemalloc lies in one line of the processor's cache: a small malloc and free is 3 %
// slower where it does not.
#define ZP_ONE_LINE __attribute__((aligned(ZP_CACHE_LINE)))

// Where the entry point that this is in was called from: what its buffers are used for (usage.h).
#define ZP_CALLER __builtin_return_address(0)

// A buffer of the pool, which is started for it if need be. NULL: the request is jemalloc's, and
// may be too large for anybody.
struct zp_slot *zp_get(size_t size, size_t alignment, const void *caller);

// What the thread's cache does not have at hand.
void *zp_allocate_searching(size_t size, const void *caller);

// `alignment` is a power of two. NULL, and errno is ENOMEM.
void *zp_allocate_aligned(size_t alignment, size_t size, const void *caller);

ZP_ENTRY void *zp_allocate(size_t size)
{
    if (ZP_LIKELY(zp_is_small(size)))
        return zp_je_malloc(size);
    void *buffer = zp_pool_get_newest(size);
    return ZP_LIKELY(buffer != NULL) ? buffer : zp_allocate_searching(size, ZP_CALLER);
}

// Frees for the caller of the function that this is in.
ZP_ENTRY void zp_release(void *pointer)
{
    if (ZP_LIKELY(!zp_arena_owns(pointer)))
        zp_je_free(pointer);
    else
        zp_pool_put(pointer);
}

#endif
