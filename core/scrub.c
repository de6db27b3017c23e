// SPDX-License-Identifier: MIT OR Apache-2.0

#include "scrub.h"

#include "os.h"

#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

enum {
    // Pages asked about in one mincore call. One byte each on the stack, which may be a small one:
    // 2 KiB is 8 MiB of 4 KiB pages, and larger vectors measured no faster.
    WINDOW_PAGES = 2048,
    // More runs than this in a window: drop it whole.
    RUNS_MOST = 64,
};

// ---- Overwriting -----------------------------------------------------------------------------

static void zero_by_memset(char *base, size_t length)
{
    memset(base, 0, length);
}

// What overwrites fastest in the processor's cache, and what past it.
static void (*zero_in_cache)(char *base, size_t length) = zero_by_memset;
static void (*zero_past_cache)(char *base, size_t length) = zero_by_memset;

#ifdef __x86_64__

static void zero_by_string(char *base, size_t length)
{
    __asm__ volatile("rep stosb" : "+D"(base), "+c"(length) : "a"(0) : "memory");
}

static void zero_by_streams_of_16(char *base, size_t length)
{
    const __m128i zero = _mm_setzero_si128();
    for (char *at = base; at < base + length; at += sizeof(zero))
        _mm_stream_si128((__m128i *)(void *)at, zero);
    _mm_sfence(); // such stores are not ordered with what hands the buffer to another thread
}

__attribute__((target("avx"))) static void zero_by_streams_of_32(char *base, size_t length)
{
    const __m256i zero = _mm256_setzero_si256();
    for (char *at = base; at < base + length; at += sizeof(zero))
        _mm256_stream_si256((__m256i *)(void *)at, zero);
    _mm_sfence();
}

// Zen 4: 87 GB/s in stores of 32 bytes or more, 58 in stores of 16, 78 by memset; in the third
// level of the cache, at 16 MiB, 91 by string instructions and 77 by memset. Zen 5: all the same.
void zp_scrub_init(void)
{
    const unsigned erms = 1 << 9; // leaf 7, EBX: enhanced REP MOVSB and STOSB
    unsigned a, b = 0, c, d;
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    zero_in_cache = b & erms ? zero_by_string : zero_by_memset;
    __builtin_cpu_init();
    zero_past_cache = __builtin_cpu_supports("avx") ? zero_by_streams_of_32 : zero_by_streams_of_16;
}

#else

void zp_scrub_init(void)
{
}

#endif

void zp_scrub_resident(char *base, size_t length, bool cached)
{
    (cached ? zero_in_cache : zero_past_cache)(base, length);
}

// ---- What is in memory -----------------------------------------------------------------------

static int drop(char *base, size_t length, struct zp_scrub_result *result)
{
    if (length == 0)
        return 0;
    result->dropped += length;
    return zp_os_advise(base, length, MADV_DONTNEED);
}

// Number of pages from `first` on that are all in memory or all not.
static size_t run_length(const unsigned char *vector, size_t first, size_t pages)
{
    size_t end = first + 1;
    while (end < pages && (vector[end] & 1) == (vector[first] & 1))
        end++;
    return end - first;
}

static size_t count_runs(const unsigned char *vector, size_t pages)
{
    size_t runs = 0;
    for (size_t i = 0; i < pages; i += run_length(vector, i, pages))
        runs++;
    return runs;
}

int zp_scrub(char *base, size_t length, bool cached, struct zp_scrub_result *result)
{
    size_t page = zp_os_page_size();
    unsigned char vector[WINDOW_PAGES];
    *result = (struct zp_scrub_result){0, 0};

    // [hole, at) is not in memory and still to be dropped, in one call over many windows if need
    // be.
    char *hole = base, *end = base + length;
    int error = 0;
    for (char *at = base; at < end && error == 0;) {
        size_t pages = (size_t)(end - at) / page;
        if (pages > WINDOW_PAGES)
            pages = WINDOW_PAGES;
        if (zp_os_residency(at, pages * page, vector) != 0 ||
            count_runs(vector, pages) > RUNS_MOST) {
            at += pages * page; // becomes part of the hole
            continue;
        }
        for (size_t i = 0; i < pages && error == 0;) {
            size_t run = run_length(vector, i, pages) * page;
            if (vector[i] & 1) {
                error = drop(hole, (size_t)(at - hole), result);
                zp_scrub_resident(at, run, cached);
                result->written += run;
                hole = at + run;
            }
            at += run;
            i += run / page;
        }
    }
    return error != 0 ? error : drop(hole, (size_t)(end - hole), result);
}
