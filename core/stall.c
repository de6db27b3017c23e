// SPDX-License-Identifier: MIT OR Apache-2.0

#include "stall.h"

#include "os.h"
#include "size_class.h"

enum {
    // A huge page that takes longer than this is slow: five times what clearing it takes.
    SLOW_US = 1000,
    // A single slow one may be a thread that lost its CPU for a while.
    SLOW_ENOUGH = 3,
    WITHHOLD_LEAST_MS = 1000,
    WITHHOLD_MOST_MS = 64 * 1000,
    // A stall lasts for seconds, and a page is touched by one thread alone where several are about
    // to: so no more are timed than this tells soon enough.
    FAST_FOR_MS = 8,
};

static struct {
    uint32_t slow;        // in a row
    uint32_t withhold_ms; // for so long since `withheld_at`; 0: not at all
    uint32_t withheld_at; // on the clock
    uint32_t fast;        // the last one was fast, at
    uint32_t fast_at;     // this time
} stall;

static struct zp_stall_fetched fetched;

struct zp_stall_fetched zp_stall_fetched(void)
{
    return (struct zp_stall_fetched){__atomic_load_n(&fetched.bytes, __ATOMIC_RELAXED),
                                     __atomic_load_n(&fetched.us, __ATOMIC_RELAXED)};
}

void zp_stall_forget_fetched(void)
{
    fetched = (struct zp_stall_fetched){0, 0};
}

static uint32_t get(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void set(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

bool zp_stall_allows_huge(void)
{
    uint32_t ms = get(&stall.withhold_ms);
    return ms == 0 || zp_os_clock() - get(&stall.withheld_at) >= ms;
}

bool zp_stall_is_due(void)
{
    return !get(&stall.fast) || zp_os_clock() - get(&stall.fast_at) >= FAST_FOR_MS;
}

// After a time without the advice the first slow page is enough to withhold it again.
static void note_slow(void)
{
    uint32_t ms = get(&stall.withhold_ms), slow = get(&stall.slow) + 1;
    set(&stall.slow, slow);
    set(&stall.fast, 0);
    if (ms == 0 && slow < SLOW_ENOUGH)
        return;
    ms = ms == 0 ? WITHHOLD_LEAST_MS : 2 * ms;
    set(&stall.withheld_at, zp_os_clock());
    set(&stall.withhold_ms, ms < WITHHOLD_MOST_MS ? ms : WITHHOLD_MOST_MS);
}

static void note_fast(void)
{
    set(&stall.slow, 0);
    set(&stall.withhold_ms, 0);
    set(&stall.fast_at, zp_os_clock());
    set(&stall.fast, 1);
}

bool zp_stall_populate(char *base, size_t bytes, bool huge)
{
    if (bytes == 0)
        return true;
    uint32_t start = zp_os_stopwatch();
    if (zp_os_advise(base, bytes, MADV_POPULATE_WRITE) != 0)
        return false;
    uint32_t us = zp_os_stopwatch() - start;
    __atomic_fetch_add(&fetched.bytes, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&fetched.us, us, __ATOMIC_RELAXED);
    size_t pages = bytes / ZP_HUGE_PAGE;
    if (!huge || pages == 0)
        return true;
    if (us / pages >= SLOW_US)
        note_slow();
    else
        note_fast();
    return true;
}
