// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The entry points: malloc and its family, as glibc 2.36 exports them and as it answers.
//
// Small requests go straight to jemalloc, and so does every pointer that is not in the arena. The
// rare cases are functions of their own, so that the entry points are a compare and a jump.
//
// This file is built with -fno-builtin: the compiler knows malloc and memset by name and would turn
// a calloc made of the two into a call of calloc, for ever.

#include "core/os.h"
#include "core/pool.h"
#include "preload/export.h"
#include "preload/jemalloc.h"
#include "preload/start.h"

#include <errno.h>
#include <string.h>

// The way to jemalloc lies in one line of the processor's cache: a small malloc and free is 3 %
// slower where it does not.
#define ONE_LINE __attribute__((aligned(ZP_CACHE_LINE)))

EXPORT ONE_LINE void *malloc(size_t size);
EXPORT ONE_LINE void free(void *pointer);
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

// ---- Large requests --------------------------------------------------------------------------

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

// A buffer of the pool, which is started for it if need be. NULL: the request is jemalloc's, and
// may be too large for anybody.
static struct zp_slot *get(size_t size, size_t alignment, const void *caller)
{
    struct zp_slot *slot = zp_pool_get_for(size, alignment, caller);
    while (ZP_UNLIKELY(slot == NULL) && zp_start() && !zp_is_small(size))
        slot = zp_pool_get_for(size, alignment, caller);
    return slot;
}

static __attribute__((noinline)) void *malloc_searching(size_t size, const void *caller)
{
    struct zp_slot *slot = get(size, 1, caller);
    return slot != NULL ? slot->base : zp_je_malloc(size);
}

// The caller is looked up only where it is asked for.
static inline __attribute__((always_inline)) void *malloc_large(size_t size)
{
    void *buffer = zp_pool_get_newest(size);
    return ZP_LIKELY(buffer != NULL) ? buffer : malloc_searching(size, __builtin_return_address(0));
}

static __attribute__((noinline)) void *calloc_large(size_t size, const void *caller)
{
    struct zp_slot *slot = get(size, 1, caller);
    if (slot == NULL)
        return zp_je_calloc(1, size);
    if (ZP_UNLIKELY(!slot->clean) && !zp_pool_clear(slot, size))
        memset(slot->base, 0, size);
    return slot->base;
}

// ---- malloc, calloc, free --------------------------------------------------------------------

void *malloc(size_t size)
{
    if (ZP_LIKELY(zp_is_small(size)))
        return zp_je_malloc(size);
    return malloc_large(size);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (ZP_UNLIKELY(__builtin_mul_overflow(count, size, &bytes)))
        return no_memory();
    if (ZP_LIKELY(zp_is_small(bytes)))
        return zp_je_calloc(1, bytes);
    return calloc_large(bytes, __builtin_return_address(0));
}

void free(void *pointer)
{
    if (ZP_LIKELY(!zp_arena_owns(pointer)))
        zp_je_free(pointer);
    else
        zp_pool_put(pointer);
}

void cfree(void *pointer)
{
    free(pointer);
}

void free_sized(void *pointer, size_t size)
{
    (void)size;
    free(pointer);
}

void free_aligned_sized(void *pointer, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    free(pointer);
}

size_t malloc_usable_size(void *pointer)
{
    if (!zp_arena_owns(pointer))
        return zp_je_malloc_usable_size(pointer);
    const struct zp_slot *slot = zp_pool_slot(pointer, "malloc_usable_size");
    return slot != NULL ? slot->committed : 0;
}

// ---- realloc ---------------------------------------------------------------------------------

// The way that always works: another buffer, the bytes copied.
static void *copy_bytes(const void *pointer, size_t held, size_t size)
{
    void *copy = malloc(size);
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
        zp_pool_note_caller(slot, caller);
        if (size > slot->committed) {
            struct zp_slot *moved = zp_pool_move(slot, size);
            if (moved != NULL)
                return moved->base;
        }
    }
    zp_count(&zp_thread_cache->counters.moved_by_copy, 1);
    void *copy = copy_bytes(pointer, slot->committed, size);
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

void *realloc(void *pointer, size_t size)
{
    if (pointer == NULL)
        return malloc(size);
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    if (zp_arena_owns(pointer))
        return realloc_pooled(pointer, size, __builtin_return_address(0));
    if (zp_is_small(size)) {
        void *moved = zp_je_realloc(pointer, size); // jemalloc's sets no errno
        return ZP_LIKELY(moved != NULL) ? moved : no_memory();
    }
    return realloc_to_pool(pointer, size);
}

void *reallocarray(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return no_memory();
    return realloc(pointer, bytes);
}

// ---- Aligned requests ------------------------------------------------------------------------

// `alignment` is a power of two.
static inline void *allocate_aligned(size_t alignment, size_t size, const void *caller)
{
    if (ZP_UNLIKELY(!zp_is_small(size))) {
        struct zp_slot *slot = get(size, alignment, caller);
        if (slot != NULL)
            return slot->base;
    }
    void *pointer = zp_je_memalign(alignment, size); // jemalloc's sets no errno
    return ZP_LIKELY(pointer != NULL) ? pointer : no_memory();
}

static inline void *align_as_glibc(size_t alignment, size_t size, const void *caller)
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
    return allocate_aligned(alignment, size, caller);
}

void *memalign(size_t alignment, size_t size)
{
    return align_as_glibc(alignment, size, __builtin_return_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return align_as_glibc(alignment, size, __builtin_return_address(0));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (!zp_is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    int saved_errno = errno;
    void *pointer = allocate_aligned(alignment, size, __builtin_return_address(0));
    errno = saved_errno;
    if (pointer == NULL)
        return ENOMEM;
    *out = pointer;
    return 0;
}

void *valloc(size_t size)
{
    return allocate_aligned(zp_os_page_size(), size, __builtin_return_address(0));
}

void *pvalloc(size_t size)
{
    size_t page = zp_os_page_size();
    if (size > PTRDIFF_MAX)
        return no_memory();
    return allocate_aligned(page, size != 0 ? zp_round_up(size, page) : page,
                            __builtin_return_address(0));
}
