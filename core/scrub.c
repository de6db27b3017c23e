// SPDX-License-Identifier: MIT OR Apache-2.0

#include "scrub.h"

#include "os.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    // Pages asked about in one mincore call. One byte each on the stack, which may be a small one:
    // 2 KiB is 8 MiB of 4 KiB pages, and larger vectors measured no faster.
    WINDOW_PAGES = 2048,
    // More runs than this in a window: drop it whole.
    RUNS_MOST = 64,
};

#ifdef __SSE2__
// Wider registers store no faster: all of them wait for memory.
static void zero_past_cache(char *base, size_t length)
{
    const __m128i zero = _mm_setzero_si128();
    for (char *line = base; line < base + length; line += ZP_CACHE_LINE)
        for (size_t i = 0; i < ZP_CACHE_LINE; i += sizeof(zero))
            _mm_stream_si128((__m128i *)(void *)(line + i), zero);
    _mm_sfence(); // such stores are not ordered with what hands the buffer to another thread
}
#else
static void zero_past_cache(char *base, size_t length)
{
    memset(base, 0, length);
}
#endif

void zp_scrub_resident(char *base, size_t length, bool cached)
{
    if (cached)
        memset(base, 0, length);
    else
        zero_past_cache(base, length);
}

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
