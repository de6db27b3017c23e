// SPDX-License-Identifier: MIT OR Apache-2.0
//
// All of C++'s operators new and delete, under their names in the Itanium ABI for 64 bits (decision
// 29).
//
// Without them a program that is linked with another allocator, or has one preloaded behind this
// library, would take new and delete from that and malloc and free from this library. The first
// block that one allocates and the other frees would crash it.
//
// Four do the work (operators.c). The others have the standard's default behaviour
// (operators_derived.c): new[] calls new, a sized delete calls the plain one. A program may replace
// any of them, for instance to put a header before each block. So the default ones call the public
// names, as they do in the C++ runtime.
//
// Exceptions of the program pass through all of these functions.

#ifndef ZP_PRELOAD_OPERATORS_H
#define ZP_PRELOAD_OPERATORS_H

#include "preload/export.h"

#include <stddef.h>

// A reference to std::nothrow, and std::align_val_t, as the ABI passes them.
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

// The library's own implementations, even if the program has replaced the public names.
void *zp_new(size_t size);
void *zp_new_aligned(size_t size, zp_alignment alignment);
void *zp_new_array(size_t size);
void *zp_new_array_aligned(size_t size, zp_alignment alignment);

#endif
