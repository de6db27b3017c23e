// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Size classes: four per doubling from 64 KiB to 64 GiB, so that a class is at most a quarter
// larger than what was asked for. Class 0 is 64 KiB, then 80, 96, 112, 128, 160, 192, ... KiB.
//
// Classes are an index of retained buffers: those of a class above that of a request are large
// enough for it. Memory is committed in pages, not in classes.
//
// Locking: none, pure functions. Fork: nothing to do.

#ifndef ZP_CORE_SIZE_CLASS_H
#define ZP_CORE_SIZE_CLASS_H

#include "base.h"

#define ZP_CLASS_MIN (64 * ZP_KIB)
#define ZP_CLASS_MAX (64 * ZP_GIB)

enum {
    ZP_CLASSES_PER_DOUBLING = 4,
    ZP_CLASS_COUNT = 81, // 20 doublings of four, and the first
};

// A huge page. Buffers of this size and more are standalone: a mapping of their own with a gap
// behind it (arena.h). Where the kernel's are larger, because its small pages are, none are used:
// one of 512 MiB would be most of the memory of most buffers, and take 100 ms to clear (decision
// 62).
#define ZP_HUGE_PAGE (2 * ZP_MIB)

// The smallest class that holds `size` bytes; `size` must not exceed ZP_CLASS_MAX.
static inline unsigned zp_class_of(size_t size)
{
    if (size <= ZP_CLASS_MIN)
        return 0;
    unsigned doubling = zp_log2(size - 1);
    unsigned quarter = (unsigned)((size - 1) >> (doubling - 2)) & 3;
    return (doubling - zp_log2(ZP_CLASS_MIN)) * ZP_CLASSES_PER_DOUBLING + quarter + 1;
}

// Bytes in a class; `size_class` must be below ZP_CLASS_COUNT.
static inline size_t zp_class_size(unsigned size_class)
{
    if (size_class == 0)
        return ZP_CLASS_MIN;
    size_t start = ZP_CLASS_MIN << ((size_class - 1) / ZP_CLASSES_PER_DOUBLING);
    return start + start / 4 * ((size_class - 1) % ZP_CLASSES_PER_DOUBLING + 1);
}

// The last class whose buffers may serve a request of `size_class`: twice its size.
static inline unsigned zp_class_last_fit(unsigned size_class)
{
    unsigned last = size_class + ZP_CLASSES_PER_DOUBLING;
    return last < ZP_CLASS_COUNT ? last : ZP_CLASS_COUNT - 1;
}

#endif
