// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The allocator for everything the pool does not serve: jemalloc, linked in with renamed symbols.
//
// The build takes the distribution's static archive and renames its public symbols (jemalloc.syms),
// so that nothing has to be resolved at run time and no second allocator is visible to the program.
// Where there is no such archive, -Djemalloc=shared uses the shared library's extended interface,
// whose names collide with no other library's.
//
// zp_je_free keeps errno: the system calls that jemalloc makes while freeing go through jemalloc.c.

#ifndef ZP_PRELOAD_JEMALLOC_H
#define ZP_PRELOAD_JEMALLOC_H

#include "core/base.h"

#include <stddef.h>

#ifndef ZP_JEMALLOC_SHARED

// How many of jemalloc's locks this thread holds or waits for. A fork in a signal handler reads it.
// With the shared library this is not known, and taken to be 0.
extern ZP_TLS unsigned zp_je_locks_held;

void *zp_je_malloc(size_t size);
void *zp_je_calloc(size_t count, size_t size);
void *zp_je_realloc(void *pointer, size_t size);
void *zp_je_memalign(size_t alignment, size_t size);
void zp_je_free(void *pointer);
size_t zp_je_malloc_usable_size(void *pointer);
int zp_je_mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length);

#else

#include <errno.h>
#include <stdint.h>

void *mallocx(size_t size, int flags);
void *rallocx(void *pointer, size_t size, int flags);
void dallocx(void *pointer, int flags);
size_t sallocx(const void *pointer, int flags);
int mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length);

// The extended interface neither takes sizes of 0 nor sets errno.
static inline void *zp_je_checked(void *pointer)
{
    if (ZP_UNLIKELY(pointer == NULL))
        errno = ENOMEM;
    return pointer;
}

static inline size_t zp_je_size(size_t size)
{
    return size != 0 ? size : 1;
}

static inline void *zp_je_malloc(size_t size)
{
    return zp_je_checked(mallocx(zp_je_size(size), 0));
}

static inline void *zp_je_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return zp_je_checked(NULL);
    return zp_je_checked(mallocx(zp_je_size(bytes), 0x40)); // MALLOCX_ZERO
}

static inline void *zp_je_realloc(void *pointer, size_t size)
{
    if (pointer == NULL)
        return zp_je_malloc(size);
    return zp_je_checked(rallocx(pointer, zp_je_size(size), 0));
}

static inline void *zp_je_memalign(size_t alignment, size_t size)
{
    // MALLOCX_LG_ALIGN: the binary logarithm of the alignment
    return zp_je_checked(mallocx(zp_je_size(size), (int)zp_log2(alignment)));
}

static inline void zp_je_free(void *pointer)
{
    int saved_errno = errno;
    if (pointer != NULL)
        dallocx(pointer, 0);
    errno = saved_errno;
}

static inline size_t zp_je_malloc_usable_size(void *pointer)
{
    return pointer != NULL ? sallocx(pointer, 0) : 0;
}

#define zp_je_mallctl mallctl

#endif
#endif
