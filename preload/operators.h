// SPDX-License-Identifier: MIT OR Apache-2.0
//
// C++'s operator new and delete, all of them, under their names in the Itanium ABI for 64 bits.
//
// Without them a program that is linked with an allocator of its own, or has one preloaded behind
// this library, takes new and delete from there and malloc and free from here: the first block that
// crosses over crashes.
//
// Four do the work (operators.c). The others are what the standard makes of those by default
// (operators_derived.c): the array's calls the single one's, a sized delete the plain one. A
// program may replace any of them, with a header before each block for instance, so those calls go
// by the public names, as they do in the C++ runtime.
//
// Exceptions of the program pass through all of this.

#ifndef ZP_PRELOAD_OPERATORS_H
#define ZP_PRELOAD_OPERATORS_H

#include "preload/export.h"

#include <stddef.h>

// std::nothrow, of which only the address is passed, and std::align_val_t.
typedef const void *zp_nothrow;
typedef size_t zp_alignment;

EXPORT void *_Znwm(size_t size);
EXPORT void *_ZnwmSt11align_val_t(size_t size, zp_alignment alignment);
EXPORT void _ZdlPv(void *pointer);
EXPORT void _ZdlPvSt11align_val_t(void *pointer, zp_alignment alignment);

EXPORT void *_Znam(size_t size);
EXPORT void *_ZnamSt11align_val_t(size_t size, zp_alignment alignment);
EXPORT void *_ZnwmRKSt9nothrow_t(size_t size, zp_nothrow tag);
EXPORT void *_ZnamRKSt9nothrow_t(size_t size, zp_nothrow tag);
EXPORT void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, zp_alignment alignment,
                                                zp_nothrow tag);
EXPORT void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, zp_alignment alignment,
                                                zp_nothrow tag);
EXPORT void _ZdaPv(void *pointer);
EXPORT void _ZdlPvm(void *pointer, size_t size);
EXPORT void _ZdaPvm(void *pointer, size_t size);
EXPORT void _ZdlPvRKSt9nothrow_t(void *pointer, zp_nothrow tag);
EXPORT void _ZdaPvRKSt9nothrow_t(void *pointer, zp_nothrow tag);
EXPORT void _ZdaPvSt11align_val_t(void *pointer, zp_alignment alignment);
EXPORT void _ZdlPvmSt11align_val_t(void *pointer, size_t size, zp_alignment alignment);
EXPORT void _ZdaPvmSt11align_val_t(void *pointer, size_t size, zp_alignment alignment);
EXPORT void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *pointer, zp_alignment alignment,
                                                zp_nothrow tag);
EXPORT void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *pointer, zp_alignment alignment,
                                                zp_nothrow tag);

// The library's own, whatever the program has made of the public names.
void *zp_new(size_t size);
void *zp_new_aligned(size_t size, zp_alignment alignment);
void *zp_new_array(size_t size);
void *zp_new_array_aligned(size_t size, zp_alignment alignment);

#endif
