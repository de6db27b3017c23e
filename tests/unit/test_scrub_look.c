// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Looking at memory without changing it.

#include "core/scrub.h"
#include "support.h"

enum { PAGES = 5000 };

static char *memory;
static size_t page;

static void map(void)
{
    void *mapped;
    page = unit_page();
    ck_assert_int_eq(zp_os_map(PAGES * page, PROT_READ | PROT_WRITE, &mapped), 0);
    zp_os_advise(mapped, PAGES * page, MADV_NOHUGEPAGE);
    memory = mapped;
}

static void dirty(size_t first, size_t pages)
{
    memset(memory + first * page, 0xA5, pages * page);
}

// Breaks when a byte that is not zero is overlooked, wherever it is, or found where there is none.
START_TEST(any_byte_is_found)
{
    map();
    char *base = memory;
    static const size_t places[] = {0, 1, 4095, 4096, 40961, 64 * 4096 - 1};
    memset(base, 0, 32 * unit_page());
    ck_assert_ptr_null(zp_scrub_find(base, 64 * unit_page()));
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        base[places[i]] = 1;
        ck_assert_ptr_eq(zp_scrub_find(base, 64 * unit_page()), base + places[i]);
        base[places[i]] = 0;
    }
}
END_TEST

// Breaks when looking brings pages into memory, or passes over those that may be swapped out.
START_TEST(looking_leaves_no_trace)
{
    map();
    zp_os_calls.clock = unit_clock;
    char *base = memory;
    base[5 * unit_page()] = 0;
    ck_assert_ptr_null(zp_scrub_find(base, 64 * unit_page()));
    if (!zp_os_can_swap())
        ck_assert_uint_eq(unit_resident_pages(base, 64 * unit_page()), 1);
    zp_os_calls.sysinfo = unit_some_swap;
    unit_let_pass(1);
    ck_assert_ptr_null(zp_scrub_find(base, 64 * unit_page()));
    ck_assert_uint_eq(unit_resident_pages(base, 64 * unit_page()), 64);
}
END_TEST

// Breaks when a buffer that its owner wrote to passes for unwritten, wherever it was written to and
// in whatever pattern, or one that was hardly touched does not.
START_TEST(what_looks_unwritten)
{
    enum { EVERY, FIRST_HALF, LAST_EIGHTH, EVERY_OTHER, WRITTEN, START = WRITTEN, DOTS, LITTLE };
    map();
    size_t lengths[] = {64, 65, 100, 4000}, pages = lengths[_i];
    for (unsigned pattern = EVERY; pattern <= LITTLE; pattern++) {
        memset(memory, 0, pages * page);
        for (size_t p = 0; p < pages; p++) {
            bool all = pattern == EVERY || (pattern == FIRST_HALF && p < pages / 2) ||
                       (pattern == LAST_EIGHTH && p >= pages - pages / 8) ||
                       (pattern == EVERY_OTHER && p % 2 == 0) || (pattern == START && p == 0) ||
                       (pattern == LITTLE && p >= pages / 2 && p < pages / 2 + pages / 32);
            if (all)
                dirty(p, 1);
            if (pattern == DOTS) // as a table whose every page holds something
                memory[p * page + 8] = 1;
        }
        ck_assert_int_eq(zp_scrub_looks_unwritten(memory, pages * page), pattern >= WRITTEN);
    }
}
END_TEST

// Breaks when an estimate looks at what is not the buffer's.
START_TEST(an_estimate_keeps_within_the_buffer)
{
    map();
    for (size_t pages = 1; pages < 200; pages++) {
        char *from = memory + 200 * page, *to = from + pages * page;
        memset(memory, 0xFF, 500 * page);
        memset(from, 0, (size_t)(to - from));
        MUST(zp_scrub_looks_unwritten(from, (size_t)(to - from)));
    }
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, any_byte_is_found);
    tcase_add_test(tests, looking_leaves_no_trace);
    tcase_add_loop_test(tests, what_looks_unwritten, 0, 4);
    tcase_add_test(tests, an_estimate_keeps_within_the_buffer);
    return unit_run("scrub look", tests);
}
