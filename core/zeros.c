// SPDX-License-Identifier: MIT OR Apache-2.0

#include "zeros.h"

#include "processor.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { BLOCK = 1024 };

static bool is_block_zero_by_lines(const char *base)
{
    for (size_t i = 0; i < BLOCK; i += ZP_CACHE_LINE)
        if (!zp_is_line_zero(base + i))
            return false;
    return true;
}

static ZP_FROZEN bool (*is_block_zero)(const char *base) = is_block_zero_by_lines;

#ifdef __x86_64__

// The kernel's zero page stays in the first-level cache: 2 loads, 64 bytes, per cycle.
__attribute__((target("avx2"))) static bool is_block_zero_by_32(const char *base)
{
    const __m256i *at = (const __m256i *)(const void *)base, *end = at + BLOCK / sizeof(*at);
    __m256i a = at[0], b = at[1], c = at[2], d = at[3];
    for (at += 4; at < end; at += 4) {
        a = _mm256_or_si256(a, at[0]);
        b = _mm256_or_si256(b, at[1]);
        c = _mm256_or_si256(c, at[2]);
        d = _mm256_or_si256(d, at[3]);
    }
    a = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
    return _mm256_testz_si256(a, a) != 0;
}

void zp_zeros_init(void)
{
    if (zp_processor_has(ZP_FEATURE_AVX2))
        is_block_zero = is_block_zero_by_32;
}

#else

void zp_zeros_init(void)
{
}

#endif

bool zp_is_zero(const char *base, size_t length)
{
    if (!zp_is_line_zero(base))
        return false;
    for (size_t i = 0; i < length; i += BLOCK)
        if (!is_block_zero(base + i))
            return false;
    return true;
}
