// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/size_class.h"
#include "core/stall.h"
#include "support.h"

// What a huge page takes, in microseconds.
static uint32_t costs;
static bool refuse;
static size_t asked; // bytes, the last time

static int slow_madvise(void *address, size_t length, int advice)
{
    (void)address;
    MUST(advice == MADV_POPULATE_WRITE);
    asked = length;
    unit_let_work_take(costs * (uint32_t)(length / ZP_HUGE_PAGE));
    errno = EINVAL;
    return refuse ? -1 : 0;
}

static void start(void)
{
    zp_os_calls.clock = unit_clock;
    zp_os_calls.stopwatch = unit_stopwatch;
    zp_os_calls.madvise = slow_madvise;
}

enum { SLOW = 1000, FAST = 200 };

// A buffer's first huge page takes so long.
static bool populate(uint32_t microseconds)
{
    costs = microseconds;
    return zp_stall_populate(NULL, ZP_HUGE_PAGE, true);
}

// Breaks when a page that comes late once, as its thread lost its CPU, ends huge pages; or when
// they are asked for although one after another is slow.
START_TEST(several_slow_pages_end_the_advice)
{
    start();
    ck_assert(zp_stall_allows_huge());
    for (unsigned i = 0; i < 20; i++) {
        ck_assert(populate(i % 3 == 2 ? FAST : SLOW));
        ck_assert(zp_stall_allows_huge());
    }
    populate(FAST);
    populate(SLOW);
    populate(SLOW);
    ck_assert(zp_stall_allows_huge());
    populate(SLOW);
    ck_assert(!zp_stall_allows_huge());
}
END_TEST

static void stall(void)
{
    for (unsigned i = 0; i < 3; i++)
        populate(SLOW);
}

static void expect_pause(uint32_t milliseconds)
{
    ck_assert(!zp_stall_allows_huge());
    unit_let_pass(milliseconds - 1);
    ck_assert(!zp_stall_allows_huge());
    unit_let_pass(1);
    ck_assert(zp_stall_allows_huge());
}

// Breaks when there are no huge pages for ever after a stall, when they are asked for all the time
// while it lasts, or when after its end the next one is taken for the same.
START_TEST(each_pause_is_twice_as_long)
{
    start();
    if (_i == 1)
        unit_let_pass(UINT32_MAX - 1500); // the clock wraps around
    for (unsigned round = 0; round < 2; round++) {
        stall();
        for (uint32_t pause = 1000; pause <= 64000; pause *= 2) {
            expect_pause(pause);
            populate(SLOW); // one tells now
        }
        expect_pause(64000);
        populate(SLOW);
        expect_pause(64000);
        populate(FAST);
        ck_assert(zp_stall_allows_huge());
    }
}
END_TEST

// Breaks when each buffer's page is timed although the one before was fast just now, which one
// thread has to do alone; or when none is timed for long, or after a slow one.
START_TEST(one_is_timed_now_and_then)
{
    start();
    ck_assert(zp_stall_is_due());
    populate(FAST);
    ck_assert(!zp_stall_is_due());
    unit_let_pass(7);
    ck_assert(!zp_stall_is_due());
    unit_let_pass(1);
    ck_assert(zp_stall_is_due());
    populate(FAST);
    populate(SLOW);
    ck_assert(zp_stall_is_due());
}
END_TEST

// Breaks when what is no huge page is taken for one, or a long range for a slow page.
START_TEST(only_huge_pages_are_timed)
{
    start();
    costs = SLOW;
    for (unsigned i = 0; i < 10; i++) {
        ck_assert(zp_stall_populate(NULL, 8 * ZP_HUGE_PAGE, false));
        ck_assert_uint_eq(asked, 8 * ZP_HUGE_PAGE);
        unit_let_work_take(0);
        ck_assert(zp_stall_populate(NULL, unit_page(), true));
    }
    costs = FAST;
    for (unsigned i = 0; i < 10; i++)
        ck_assert(zp_stall_populate(NULL, 16 * ZP_HUGE_PAGE, true));
    ck_assert(zp_stall_allows_huge());
    costs = SLOW;
    for (unsigned i = 0; i < 3; i++)
        ck_assert(zp_stall_populate(NULL, 16 * ZP_HUGE_PAGE, true));
    ck_assert(!zp_stall_allows_huge());
}
END_TEST

// Breaks when a kernel that knows nothing of fetching pages is taken for a slow one or a fast one,
// or when it is called for nothing.
START_TEST(a_refusal_tells_nothing)
{
    start();
    ck_assert(zp_stall_populate(NULL, 0, true));
    ck_assert_uint_eq(asked, 0);
    refuse = true;
    for (unsigned i = 0; i < 10; i++)
        ck_assert(!populate(SLOW));
    ck_assert(zp_stall_allows_huge());
    refuse = false;
    stall();
    refuse = true;
    ck_assert(!populate(FAST));
    ck_assert(!zp_stall_allows_huge());
}
END_TEST

// Breaks when a buffer that will be filled gets the advice although huge pages are slow, or fetches
// all of them at once, or when it does not get it again once they are fast.
START_TEST(buffers_come_in_small_pages_meanwhile)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.huge_pages = ZP_HUGE_FILLED;
    config.thread_cache_most = 0;
    unit_pool_start(&config);
    static const char site[1];
    size_t size = 6 * ZP_MIB;
    for (unsigned i = 0; i < 4; i++) {
        struct zp_slot *slot = zp_pool_get_for(size, 1, site);
        ck_assert_ptr_nonnull(slot);
        ck_assert_int_eq(slot->huge, i == 1 || i == 3);
        if (slot->huge)
            ck_assert_uint_le(unit_resident_pages(slot->base, size), ZP_HUGE_PAGE / unit_page());
        memset(slot->base, 1, size);
        if (i == 1) {
            zp_os_calls.madvise = slow_madvise;
            stall();
            zp_os_calls.madvise = madvise;
        }
        if (i == 2)
            unit_let_pass(1000);
    }
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, several_slow_pages_end_the_advice);
    tcase_add_loop_test(tests, each_pause_is_twice_as_long, 0, 2);
    tcase_add_test(tests, one_is_timed_now_and_then);
    tcase_add_test(tests, only_huge_pages_are_timed);
    tcase_add_test(tests, a_refusal_tells_nothing);
    tcase_add_test(tests, buffers_come_in_small_pages_meanwhile);
    return unit_run("stall", tests);
}
