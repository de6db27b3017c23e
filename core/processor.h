// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which instructions of the processor may be used: it has them, and the kernel keeps their
// registers.
//
// The dynamic linker has found this out already, and says so from glibc 2.33 on. With an older one
// the processor is asked, which costs a start some 60 us in a virtual machine, where the host has
// to answer. Locking and fork: nothing is kept here.

#ifndef ZP_CORE_PROCESSOR_H
#define ZP_CORE_PROCESSOR_H

#include "base.h"

#ifdef __x86_64__

#include <cpuid.h>

// The bits of cpuid's leaves, as glibc numbers them: index, register (0 is eax), bit.
enum zp_feature_leaf { ZP_LEAF_1 = 0, ZP_LEAF_7 = 1 };
#define ZP_FEATURE_AVX ZP_LEAF_1, 2, 28
#define ZP_FEATURE_AVX2 ZP_LEAF_7, 1, 5

// glibc's <sys/platform/x86.h>. Weak, so that the library also runs where there is none.
struct zp_feature_words {
    unsigned there[4], active[4];
};
const struct zp_feature_words *__x86_get_cpuid_feature_leaf(unsigned leaf) __attribute__((weak));

static inline bool zp_processor_answers(enum zp_feature_leaf leaf, unsigned word, unsigned bit)
{
    unsigned one[4], words[4];
    if (!__get_cpuid(1, &one[0], &one[1], &one[2], &one[3]) || !(one[2] & bit_OSXSAVE))
        return false;
    unsigned low, high; // XCR0: bits 1 and 2 stand for the registers of SSE and AVX
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6 &&
           __get_cpuid_count(leaf == ZP_LEAF_1 ? 1 : 7, 0, &words[0], &words[1], &words[2],
                             &words[3]) &&
           (words[word] >> bit & 1) != 0;
}

static inline bool zp_processor_has(enum zp_feature_leaf leaf, unsigned word, unsigned bit)
{
    if (__x86_get_cpuid_feature_leaf == NULL)
        return zp_processor_answers(leaf, word, bit);
    return (__x86_get_cpuid_feature_leaf(leaf)->active[word] >> bit & 1) != 0;
}

#endif
#endif
