// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A separate file, so that the compiler cannot assume that a public name is the implementation in
// operators.c. Optimised in every build, so that the calls between are jumps: only then is the
// caller that free records the code that called delete.

#include "operators.h"

#include "preload/allocate.h"
#include "preload/runtime.h"

// ---- new that throws -------------------------------------------------------------------------

void *zp_new_array(size_t size)
{
    return _Znwm(size);
}

void *zp_new_array_aligned(size_t size, zp_alignment alignment)
{
    return _ZnwmSt11align_val_t(size, alignment);
}

EXPORT __attribute__((alias("zp_new_array"))) void *_Znam(size_t size);
EXPORT __attribute__((alias("zp_new_array_aligned"))) void *
_ZnamSt11align_val_t(size_t size, zp_alignment alignment);

// ---- new that returns NULL -------------------------------------------------------------------

// Where there is no memory, or the program has replaced the throwing operator, that one has to be
// called and its exception caught. The runtime's own nothrow operator does so.

// That operator, looked up once. Any runtime's will do, as each catches the exceptions of another.
static ZP_COLD void *find(void **kept, const char *name, const void *caller)
{
    void *found = __atomic_load_n(kept, __ATOMIC_RELAXED);
    if (found == NULL) {
        found = zp_runtime_operator(name, caller);
        __atomic_store_n(kept, found, __ATOMIC_RELAXED);
    }
    return found;
}

typedef void *plain_nothrow(size_t size, zp_nothrow tag);

static ZP_COLD void *plain(bool array, size_t size, zp_nothrow tag, const void *caller)
{
    static void *kept[2];
    plain_nothrow *theirs;
    *(void **)&theirs =
        find(&kept[array], array ? "_ZnamRKSt9nothrow_t" : "_ZnwmRKSt9nothrow_t", caller);
    return theirs != NULL ? theirs(size, tag) : NULL;
}

typedef void *aligned_nothrow(size_t size, zp_alignment alignment, zp_nothrow tag);

static ZP_COLD void *aligned(bool array, size_t size, zp_alignment alignment, zp_nothrow tag,
                             const void *caller)
{
    static void *kept[2];
    aligned_nothrow *theirs;
    *(void **)&theirs =
        find(&kept[array],
             array ? "_ZnamSt11align_val_tRKSt9nothrow_t" : "_ZnwmSt11align_val_tRKSt9nothrow_t",
             caller);
    return theirs != NULL ? theirs(size, alignment, tag) : NULL;
}

// Hides the values from the compiler, which assumes that two names are two functions.
static inline bool is_same(uintptr_t one, uintptr_t other)
{
    __asm__("" : "+r"(one));
    return one == other;
}

static inline bool is_own_new(bool array)
{
    return is_same((uintptr_t)_Znwm, (uintptr_t)zp_new) &&
           (!array || is_same((uintptr_t)_Znam, (uintptr_t)zp_new_array));
}

static inline bool is_own_aligned(bool array)
{
    return is_same((uintptr_t)_ZnwmSt11align_val_t, (uintptr_t)zp_new_aligned) &&
           (!array || is_same((uintptr_t)_ZnamSt11align_val_t, (uintptr_t)zp_new_array_aligned));
}

ZP_ENTRY void *try_new(bool array, size_t size, zp_nothrow tag)
{
    void *pointer = ZP_LIKELY(is_own_new(array)) ? zp_allocate(size) : NULL;
    return ZP_LIKELY(pointer != NULL) ? pointer : plain(array, size, tag, ZP_CALLER);
}

ZP_ENTRY void *try_aligned(bool array, size_t size, zp_alignment alignment, zp_nothrow tag)
{
    void *pointer = NULL;
    if (ZP_LIKELY(is_own_aligned(array)) && ZP_LIKELY(zp_is_power_of_two(alignment)))
        pointer = zp_allocate_aligned(alignment, size, ZP_CALLER);
    return ZP_LIKELY(pointer != NULL) ? pointer : aligned(array, size, alignment, tag, ZP_CALLER);
}

void *_ZnwmRKSt9nothrow_t(size_t size, zp_nothrow tag)
{
    return try_new(false, size, tag);
}

void *_ZnamRKSt9nothrow_t(size_t size, zp_nothrow tag)
{
    return try_new(true, size, tag);
}

void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, zp_alignment alignment, zp_nothrow tag)
{
    return try_aligned(false, size, alignment, tag);
}

void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, zp_alignment alignment, zp_nothrow tag)
{
    return try_aligned(true, size, alignment, tag);
}

// ---- delete ----------------------------------------------------------------------------------

void _ZdaPv(void *pointer)
{
    _ZdlPv(pointer);
}

void _ZdlPvm(void *pointer, size_t size)
{
    (void)size;
    _ZdlPv(pointer);
}

void _ZdaPvm(void *pointer, size_t size)
{
    (void)size;
    _ZdaPv(pointer);
}

void _ZdlPvRKSt9nothrow_t(void *pointer, zp_nothrow tag)
{
    (void)tag;
    _ZdlPv(pointer);
}

void _ZdaPvRKSt9nothrow_t(void *pointer, zp_nothrow tag)
{
    (void)tag;
    _ZdaPv(pointer);
}

void _ZdaPvSt11align_val_t(void *pointer, zp_alignment alignment)
{
    _ZdlPvSt11align_val_t(pointer, alignment);
}

void _ZdlPvmSt11align_val_t(void *pointer, size_t size, zp_alignment alignment)
{
    (void)size;
    _ZdlPvSt11align_val_t(pointer, alignment);
}

void _ZdaPvmSt11align_val_t(void *pointer, size_t size, zp_alignment alignment)
{
    (void)size;
    _ZdaPvSt11align_val_t(pointer, alignment);
}

void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *pointer, zp_alignment alignment, zp_nothrow tag)
{
    (void)tag;
    _ZdlPvSt11align_val_t(pointer, alignment);
}

void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *pointer, zp_alignment alignment, zp_nothrow tag)
{
    (void)tag;
    _ZdaPvSt11align_val_t(pointer, alignment);
}
