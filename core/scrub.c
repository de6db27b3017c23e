// SPDX-License-Identifier: MIT OR Apache-2.0

#include "scrub.h"

#include "os.h"
#include "processor.h"
#include "size_class.h"
#include "zeros.h"

#include <errno.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

enum {
    // Pages per mincore call, one byte each on the stack, which may be small: 2 KiB is 8 MiB of
    // 4 KiB pages, and larger vectors measured no faster. Eight more, as a buffer of 8 MiB has a
    // page for its start.
    WINDOW_PAGES = 2048 + 8,
    // A window with more runs than this is dropped as a whole.
    RUNS_MOST = 64,
    // Pages that are checked first in a range of more than a window.
    PROBES = 4,
    // How far ahead of the page being checked memory is prefetched: some 16 accesses overlap.
    AHEAD_PAGES = 16,
    // Pages that are checked before they are overwritten: their translations stay in the TLB.
    BATCH_PAGES = 64,
    // Cache lines sampled for an estimate, and how many of them may be written.
    SAMPLES = 32,
    SAMPLES_WRITTEN = 2,
};

// ---- Overwriting -----------------------------------------------------------------------------

static void zero_by_memset(char *base, size_t length)
{
    memset(base, 0, length);
}

static ZP_FROZEN void (*zero_past_cache)(char *base, size_t length) = zero_by_memset;

#ifdef __x86_64__

static void zero_by_streams_of_16(char *base, size_t length)
{
    const __m128i zero = _mm_setzero_si128();
    for (char *at = base; at < base + length; at += sizeof(zero))
        _mm_stream_si128((__m128i *)(void *)at, zero);
    _mm_sfence(); // non-temporal stores are not ordered with the release of the buffer
}

__attribute__((target("avx"))) static void zero_by_streams_of_32(char *base, size_t length)
{
    const __m256i zero = _mm256_setzero_si256();
    for (char *at = base; at < base + length; at += sizeof(zero))
        _mm256_stream_si256((__m256i *)(void *)at, zero);
    _mm_sfence();
}

// Zen 4: 87 GB/s in stores of 32 bytes or more, 58 in stores of 16, 78 by memset. Zen 5: all the
// same.
void zp_scrub_init(void)
{
    zp_zeros_init();
    zero_past_cache =
        zp_processor_has(ZP_FEATURE_AVX) ? zero_by_streams_of_32 : zero_by_streams_of_16;
}

#else

void zp_scrub_init(void)
{
    zp_zeros_init();
}

#endif

void zp_scrub_resident(char *base, size_t length, bool cached)
{
    if (cached)
        memset(base, 0, length); // no slower than string instructions, Zen 4
    else
        zero_past_cache(base, length);
}

// ---- Pages that read as zero -----------------------------------------------------------------

// Whether a stretch of huge pages has nonzero bytes at its start and its end: then it is not the
// kernel's zero page.
static bool is_in_use(const char *from, size_t page)
{
    return !zp_is_zero(from, page) && !zp_is_zero(from + ZP_HUGE_PAGE - page, page);
}

// The end of the pages from `from` on that do not read as zero; `from` itself if the first does.
static char *used_until(char *from, const char *end, size_t page, bool huge)
{
    char *at = from;
    while (at < end && at - from < (ptrdiff_t)(BATCH_PAGES * page)) {
        bool whole = huge && (uintptr_t)at % ZP_HUGE_PAGE == 0 &&
                     end - at >= (ptrdiff_t)ZP_HUGE_PAGE && is_in_use(at, page);
        if (!whole) {
            __builtin_prefetch(at + AHEAD_PAGES * page);
            if (zp_is_zero(at, page))
                break;
        }
        at += whole ? ZP_HUGE_PAGE : page;
    }
    return at;
}

// Zeroes pages that mincore calls resident.
static void scrub_pages(char *base, size_t length, struct zp_scrub_hint hint,
                        struct zp_scrub_result *result)
{
    size_t page = zp_os_page_size();
    char *at = base, *end = base + length;
    while (at < end) {
        char *until = used_until(at, end, page, hint.huge);
        if (until == at) {
            result->kept += page;
            at += page;
            continue;
        }
        zp_scrub_resident(at, (size_t)(until - at), hint.cached);
        result->written += (size_t)(until - at);
        at = until;
    }
}

// ---- Resident pages --------------------------------------------------------------------------

// A part of the range that is not to be overwritten. `absent`: mincore was asked about each of its
// pages, and none is resident.
struct hole {
    char *base;
    bool absent;
};

static int drop(const struct hole *hole, const char *end, struct zp_scrub_result *result)
{
    size_t length = (size_t)(end - hole->base);
    result->dropped += length;
    // A page that is neither resident nor swapped out was never written. To drop it would interrupt
    // every processor that runs a thread of the process, if another thread drops pages as well.
    if (length == 0 || (hole->absent && !zp_os_can_swap()))
        return 0;
    int error = zp_os_advise(hole->base, length, MADV_DONTNEED);
    // What is pinned is dropped by this advice only, and stays locked.
    return error == -EINVAL ? zp_os_advise(hole->base, length, MADV_DONTNEED_LOCKED) : error;
}

// Number of pages from `first` on that are all resident or all not; eight at a time, because there
// are thousands, and most vectors are one run.
static size_t run_length(const unsigned char *vector, size_t first, size_t pages)
{
    const uint64_t low_bits = 0x0101010101010101;
    uint64_t wanted = (vector[first] & 1) * low_bits, eight;
    size_t end = first + 1;
    for (; end + sizeof(eight) <= pages; end += sizeof(eight)) {
        memcpy(&eight, vector + end, sizeof(eight));
        if ((eight & low_bits) != wanted)
            break;
    }
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

// Whether a large range seems to have no resident page: to ask about each page of 512 MiB takes
// 0.2 ms, to drop absent pages next to nothing. If some page is resident after all, it is dropped,
// too, and the next owner faults it in again.
static bool looks_empty(char *base, size_t length, size_t page)
{
    if (length <= WINDOW_PAGES * page)
        return false;
    size_t step = length / PROBES & ~(page - 1);
    unsigned char probe;
    for (size_t i = 0; i < PROBES; i++)
        if (zp_os_residency(base + i * step, page, &probe) != 0 || (probe & 1) != 0)
            return false;
    return true;
}

int zp_scrub(char *base, size_t length, struct zp_scrub_hint hint, struct zp_scrub_result *result)
{
    size_t page = zp_os_page_size();
    unsigned char vector[WINDOW_PAGES];
    *result = (struct zp_scrub_result){0};
    struct hole hole = {base, !looks_empty(base, length, page)};
    char *end = base + length;
    if (!hole.absent)
        return drop(&hole, end, result);

    // [hole, at) is not resident and not yet dropped; it may extend over many windows.
    int error = 0;
    for (char *at = base; at < end && error == 0;) {
        size_t pages = (size_t)(end - at) / page;
        if (pages > WINDOW_PAGES)
            pages = WINDOW_PAGES;
        if (zp_os_residency(at, pages * page, vector) != 0 ||
            count_runs(vector, pages) > RUNS_MOST) {
            at += pages * page; // becomes part of the hole
            hole.absent = false;
            continue;
        }
        for (size_t i = 0; i < pages && error == 0;) {
            size_t run = run_length(vector, i, pages) * page;
            if (vector[i] & 1) {
                error = drop(&hole, at, result);
                uint32_t start = zp_os_stopwatch();
                scrub_pages(at, run, hint, result);
                result->us += zp_os_stopwatch() - start;
                hole = (struct hole){at + run, true};
            }
            at += run;
            i += run / page;
        }
    }
    return error != 0 ? error : drop(&hole, end, result);
}

// ---- Checking --------------------------------------------------------------------------------

// The range is cut into equal parts, and a line of each is sampled, at a different place of each
// part (multiples of the golden ratio), so that no regular pattern meets all or none. All lines are
// prefetched before the first is checked.
static const char *sampled_line(const char *base, size_t length, size_t sample)
{
    size_t part = length / SAMPLES;
    size_t within = (size_t)((uint32_t)(sample * 0x9E3779B9u) * (uint64_t)part >> 32);
    return base + ((sample * part + within) & ~(size_t)(ZP_CACHE_LINE - 1));
}

bool zp_scrub_looks_unwritten(const char *base, size_t length)
{
    size_t written = 0;
    for (size_t i = 0; i < SAMPLES; i++)
        __builtin_prefetch(sampled_line(base, length, i));
    for (size_t i = 0; i < SAMPLES && written <= SAMPLES_WRITTEN; i++)
        written += !zp_is_line_zero(sampled_line(base, length, i));
    return written <= SAMPLES_WRITTEN;
}

static const char *find_in_page(const char *at, size_t page)
{
    if (zp_is_zero(at, page))
        return NULL;
    while (*at == 0)
        at++;
    return at;
}

const char *zp_scrub_find(char *base, size_t length)
{
    size_t page = zp_os_page_size();
    unsigned char vector[WINDOW_PAGES];
    bool can_swap = zp_os_can_swap(); // then a page that is not resident may be nonzero
    for (char *at = base, *end = base + length; at < end;) {
        size_t rest = (size_t)(end - at) / page, pages = rest < WINDOW_PAGES ? rest : WINDOW_PAGES;
        bool all = can_swap || zp_os_residency(at, pages * page, vector) != 0;
        for (size_t i = 0; i < pages; i++, at += page) {
            const char *found = all || (vector[i] & 1) ? find_in_page(at, page) : NULL;
            if (found != NULL)
                return found;
        }
    }
    return NULL;
}
