// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The entry points of C: malloc and its family, as glibc 2.36 exports them and as it answers.
//
// This file is built with -fno-builtin: the compiler knows malloc and memset by name and would turn
// a calloc made of the two into a call of itself, without end.

#include "core/os.h"
#include "preload/allocate.h"
#include "preload/export.h"

#include <errno.h>
#include <string.h>

EXPORT ZP_ONE_LINE void *malloc(size_t size);
EXPORT ZP_ONE_LINE void free(void *pointer);
EXPORT void *calloc(size_t count, size_t size);
EXPORT void *realloc(void *pointer, size_t size);
EXPORT void *reallocarray(void *pointer, size_t count, size_t size);
EXPORT int posix_memalign(void **out, size_t alignment, size_t size);
EXPORT void *aligned_alloc(size_t alignment, size_t size);
EXPORT void *memalign(size_t alignment, size_t size);
EXPORT void *valloc(size_t size);
EXPORT void *pvalloc(size_t size);
EXPORT size_t malloc_usable_size(void *pointer);
EXPORT void cfree(void *pointer);
EXPORT void free_sized(void *pointer, size_t size);
EXPORT void free_aligned_sized(void *pointer, size_t alignment, size_t size);

// glibc exports its one heap under these names, too, and tools that wrap malloc use them.
#define ALSO_KNOWN_AS(name) EXPORT __attribute__((alias(#name)))
ALSO_KNOWN_AS(malloc) void *__libc_malloc(size_t size);
ALSO_KNOWN_AS(free) void __libc_free(void *pointer);
ALSO_KNOWN_AS(calloc) void *__libc_calloc(size_t count, size_t size);
ALSO_KNOWN_AS(realloc) void *__libc_realloc(void *pointer, size_t size);
ALSO_KNOWN_AS(reallocarray) void *__libc_reallocarray(void *pointer, size_t count, size_t size);
ALSO_KNOWN_AS(memalign) void *__libc_memalign(size_t alignment, size_t size);
ALSO_KNOWN_AS(valloc) void *__libc_valloc(size_t size);
ALSO_KNOWN_AS(pvalloc) void *__libc_pvalloc(size_t size);
EXPORT int __posix_memalign(void **out, size_t alignment, size_t size); // to older tools

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

// ---- malloc, calloc, free --------------------------------------------------------------------

void *malloc(size_t size)
{
    return zp_allocate(size);
}

static __attribute__((noinline)) void *calloc_large(size_t size, const void *caller)
{
    struct zp_slot *slot = zp_get(size, 1, caller);
    if (slot == NULL)
        return zp_je_calloc(1, size);
    zp_pool_make_zero(slot, size);
    return slot->start;
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (ZP_UNLIKELY(__builtin_mul_overflow(count, size, &bytes)))
        return no_memory();
    if (ZP_LIKELY(zp_is_small(bytes)))
        return zp_je_calloc(1, bytes);
    return calloc_large(bytes, ZP_CALLER);
}

void free(void *pointer)
{
    zp_release(pointer);
}

void cfree(void *pointer)
{
    zp_release(pointer);
}

void free_sized(void *pointer, size_t size)
{
    (void)size;
    zp_release(pointer);
}

void free_aligned_sized(void *pointer, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    zp_release(pointer);
}

size_t malloc_usable_size(void *pointer)
{
    if (!zp_arena_owns(pointer))
        return zp_je_malloc_usable_size(pointer);
    const struct zp_slot *slot = zp_pool_slot(pointer, "malloc_usable_size");
    return slot != NULL ? zp_slot_room(slot) : 0;
}

// ---- realloc ---------------------------------------------------------------------------------

// The way that always works: another buffer, the bytes copied.
static void *copy_bytes(const void *pointer, size_t held, size_t size)
{
    void *copy = zp_allocate(size);
    if (copy != NULL)
        memcpy(copy, pointer, held < size ? held : size);
    return copy;
}

static __attribute__((noinline)) void *realloc_pooled(void *pointer, size_t size, void *caller)
{
    struct zp_slot *slot = zp_pool_slot(pointer, "realloc");
    if (slot == NULL || size > PTRDIFF_MAX)
        return no_memory();
    if (!zp_is_small(size)) {
        if (zp_pool_resize(slot, size))
            return pointer;
        slot->freed_by = caller;
        if (size > zp_slot_room(slot)) {
            struct zp_slot *moved = zp_pool_move(slot, size);
            if (moved != NULL)
                return moved->start;
        }
    }
    zp_count(&zp_thread_cache->counters.moved_by_copy, 1);
    void *copy = copy_bytes(pointer, zp_slot_room(slot), size);
    if (copy != NULL)
        zp_pool_put_for(pointer, caller);
    return copy;
}

static __attribute__((noinline)) void *realloc_to_pool(void *pointer, size_t size)
{
    void *copy = copy_bytes(pointer, zp_je_malloc_usable_size(pointer), size);
    if (copy != NULL)
        zp_je_free(pointer);
    return copy;
}

ZP_ENTRY void *reallocate(void *pointer, size_t size)
{
    if (pointer == NULL)
        return zp_allocate(size);
    if (size == 0) {
        zp_release(pointer);
        return NULL;
    }
    if (zp_arena_owns(pointer))
        return realloc_pooled(pointer, size, ZP_CALLER);
    if (zp_is_small(size)) {
        void *moved = zp_je_realloc(pointer, size); // jemalloc's sets no errno
        return ZP_LIKELY(moved != NULL) ? moved : no_memory();
    }
    return realloc_to_pool(pointer, size);
}

void *realloc(void *pointer, size_t size)
{
    return reallocate(pointer, size);
}

void *reallocarray(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return no_memory();
    return reallocate(pointer, bytes);
}

// ---- Aligned requests ------------------------------------------------------------------------

ZP_ENTRY void *allocate_rounded(size_t alignment, size_t size)
{
    // As glibc does: an alignment that is no power of two is rounded up to one.
    if (alignment > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    if (!zp_is_power_of_two(alignment))
        alignment = (size_t)2 << zp_log2(alignment);
    return zp_allocate_aligned(alignment, size, ZP_CALLER);
}

void *memalign(size_t alignment, size_t size)
{
    return allocate_rounded(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return allocate_rounded(alignment, size);
}

ZP_ENTRY int allocate_to(void **out, size_t alignment, size_t size)
{
    if (!zp_is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    int saved_errno = errno;
    void *pointer = zp_allocate_aligned(alignment, size, ZP_CALLER);
    errno = saved_errno;
    if (pointer == NULL)
        return ENOMEM;
    *out = pointer;
    return 0;
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    return allocate_to(out, alignment, size);
}

int __posix_memalign(void **out, size_t alignment, size_t size)
{
    return allocate_to(out, alignment, size);
}

void *valloc(size_t size)
{
    return zp_allocate_aligned(zp_os_page_size(), size, ZP_CALLER);
}

void *pvalloc(size_t size)
{
    size_t page = zp_os_page_size();
    if (size > PTRDIFF_MAX)
        return no_memory();
    return zp_allocate_aligned(page, size != 0 ? zp_round_up(size, page) : page, ZP_CALLER);
}
