// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/scrub.h"
#include "support.h"

enum { PAGES = 5000 }; // more than two windows of mincore

static char *memory;
static size_t page;
static struct zp_scrub_result result;

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

static void scrub(size_t pages)
{
    errno = 4711;
    ck_assert_int_eq(
        zp_scrub(memory, pages * page, (struct zp_scrub_hint){.cached = pages % 2 == 0}, &result),
        0);
    ck_assert_int_eq(errno, 4711);
}

static bool is_resident(size_t at)
{
    return unit_resident_pages(memory + at * page, page) == 1;
}

// Breaks when a page in memory is not overwritten, or is dropped: the next owner would fault.
START_TEST(pages_in_memory_are_overwritten)
{
    map();
    dirty(0, PAGES);
    scrub((size_t)PAGES - (size_t)_i);
    size_t bytes = ((size_t)PAGES - (size_t)_i) * page;
    ck_assert_uint_eq(result.written, bytes);
    ck_assert_uint_eq(result.dropped, 0);
    ck_assert_uint_eq(unit_resident_pages(memory, bytes), bytes / page);
    ck_assert(unit_is_zero(memory, bytes));
    if (_i != 0)
        ck_assert_int_eq(memory[bytes], (char)0xA5);
}
END_TEST

// Breaks when scrubbing brings pages into memory that were not there.
START_TEST(holes_stay_holes)
{
    map();
    dirty(0, 1); // a range that begins with one is not taken to be empty
    dirty(10, 4);
    dirty(2040, 20); // over the edge of a window
    dirty(PAGES - 1, 1);
    scrub(PAGES);
    ck_assert_uint_eq(result.written, 26 * page);
    ck_assert_uint_eq(result.dropped, (PAGES - 26) * page);
    ck_assert_uint_eq(unit_resident_pages(memory, PAGES * page), 26);
    ck_assert(is_resident(2055) && is_resident(2056) && is_resident(PAGES - 1));
    ck_assert(unit_is_zero(memory, PAGES * page));
}
END_TEST

// Breaks when a large range that is all but untouched is asked about page by page.
START_TEST(what_looks_empty_is_dropped)
{
    map();
    dirty(10, 5);
    scrub(PAGES);
    ck_assert_uint_eq(result.written, 0);
    ck_assert_uint_eq(result.dropped, PAGES * page);
    ck_assert_uint_eq(unit_resident_pages(memory, PAGES * page), 0);
    dirty(10, 5);
    scrub(2000); // less than a window
    ck_assert_uint_eq(result.written, 5 * page);
}
END_TEST

// Breaks when an untouched range is not left alone.
START_TEST(nothing_in_memory_nothing_written)
{
    map();
    scrub(PAGES);
    ck_assert_uint_eq(result.written, 0);
    ck_assert_uint_eq(result.dropped, PAGES * page);
    ck_assert_uint_eq(unit_resident_pages(memory, PAGES * page), 0);
}
END_TEST

// Breaks when a range full of holes is scrubbed hole by hole: the calls would cost more than the
// faults they save; or when the window beside it is dropped too.
START_TEST(a_window_of_many_holes_is_dropped_whole)
{
    map();
    enum { WINDOW = 2056 }; // pages that the kernel is asked about at once
    for (size_t i = WINDOW; i < 2 * WINDOW; i += 8)
        dirty(i, 1);
    dirty(0, WINDOW);
    dirty(2 * WINDOW, PAGES - 2 * WINDOW);
    scrub(PAGES);
    ck_assert_uint_eq(result.dropped, WINDOW * page);
    ck_assert_uint_eq(result.written, (PAGES - WINDOW) * page);
    ck_assert_uint_eq(unit_resident_pages(memory + WINDOW * page, WINDOW * page), 0);
    ck_assert(unit_is_zero(memory, PAGES * page));
}
END_TEST

// Breaks when any pattern of pages leaves a byte behind, or the two sums do not make up the whole.
START_TEST(random_patterns_become_zero)
{
    map();
    struct unit_random random = unit_random_start("scrub", 9);
    for (unsigned round = 0; round < 20; round++) {
        size_t at = 0, pages = 1 + unit_random_below(&random, PAGES);
        while (at < pages) {
            size_t run = 1 + unit_random_below(&random, 1 + unit_random_below(&random, 600));
            if (run > pages - at)
                run = pages - at;
            if (unit_random_below(&random, 2) == 0)
                dirty(at, run);
            at += run;
        }
        scrub(pages);
        ck_assert_uint_eq(result.written + result.kept + result.dropped, pages * page);
        ck_assert(unit_is_zero(memory, pages * page));
        zp_os_advise(memory, PAGES * page, MADV_DONTNEED);
    }
}
END_TEST

// Maps the kernel's zero page: what a program does that only reads.
static void only_read(size_t first, size_t pages)
{
    for (size_t i = first; i < first + pages; i++)
        (void)*(volatile char *)(memory + i * page);
}

static size_t own_pages(void)
{
    long total, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld %ld", &total, &resident), 2);
    fclose(file);
    return (size_t)resident;
}

// Breaks when a page that was only read is overwritten, which takes memory, or counted as if it had
// been: mincore calls it resident.
START_TEST(what_was_only_read_takes_no_memory)
{
    map();
    only_read(0, PAGES);
    size_t before = own_pages();
    scrub(PAGES);
    ck_assert_uint_eq(result.written, 0);
    ck_assert_uint_eq(result.kept, PAGES * page);
#ifndef ZP_THREAD_SANITIZER // which keeps a note of every access
    ck_assert_uint_lt(own_pages(), before + 200);
#else
    (void)before;
#endif
}
END_TEST

// Breaks when among pages that read as zero one is overlooked that does not, wherever its first
// byte is, or more than that one is overwritten.
START_TEST(any_page_that_holds_something_is_overwritten)
{
    static const size_t places[] = {0, 1, 63, 64, 1023, 1024, 2047, 4095};
    map();
    only_read(0, 200);
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        size_t at = 7 + (size_t)i * 23;
        memory[at * page + places[i]] = 1;
        scrub(200);
        ck_assert_uint_eq(result.written, page);
        ck_assert_uint_eq(result.kept, 199 * page);
        ck_assert(unit_is_zero(memory, 200 * page));
    }
}
END_TEST

// Breaks when the content of a huge page is left behind, whichever of its pages it is in, or of
// what lies around the huge pages of a range.
START_TEST(huge_pages_become_zero)
{
    map();
    struct zp_scrub_hint hint = {.cached = true, .huge = true};
    struct unit_random random = unit_random_start("huge", 4);
    for (unsigned round = 0; round < 30; round++) {
        size_t first = unit_random_below(&random, 700), pages = 1;
        pages += unit_random_below(&random, PAGES - first);
        for (unsigned i = 0; i < 4; i++)
            dirty(first + unit_random_below(&random, pages), 1);
        dirty(first + unit_random_below(&random, pages) / 2, pages / 2 * (round % 2));
        ck_assert_int_eq(zp_scrub(memory + first * page, pages * page, hint, &result), 0);
        ck_assert(unit_is_zero(memory, PAGES * page));
        ck_assert_uint_eq(result.written + result.kept + result.dropped, pages * page);
    }
}
END_TEST

static unsigned drops;

static int count_drops(void *address, size_t length, int advice)
{
    drops++;
    return madvise(address, length, advice);
}

// Breaks when a hole over many windows takes more than one call.
static int no_swap(struct sysinfo *info)
{
    info->totalswap = 0;
    return 0;
}

static int refuse_sysinfo(struct sysinfo *info)
{
    (void)info;
    errno = EPERM;
    return -1;
}

// Breaks when holes are dropped that cannot hold anything, or are not where they may have been
// swapped out or nobody knows.
START_TEST(holes_are_dropped_if_there_is_swap)
{
    map();
    zp_os_calls.clock = unit_clock; // swap space is asked for once a tick
    zp_os_calls.madvise = count_drops;
    zp_os_calls.sysinfo = no_swap;
    dirty(0, 1);
    scrub(PAGES);
    ck_assert_uint_eq(drops, 0);
    ck_assert_uint_eq(result.dropped, (PAGES - 1) * page);
    zp_os_calls.sysinfo = refuse_sysinfo;
    unit_let_pass(1);
    scrub(PAGES);
    ck_assert_uint_eq(drops, 1);
    zp_os_calls.sysinfo = no_swap;
    unit_let_pass(1);
    zp_os_calls.madvise = madvise;
    zp_os_advise(memory, PAGES * page, MADV_DONTNEED);
    zp_os_calls.madvise = count_drops;
    scrub(PAGES); // looks empty, which is no proof
    ck_assert_uint_eq(drops, 2);
}
END_TEST

START_TEST(one_hole_is_one_call)
{
    map();
    dirty(0, 1);
    zp_os_calls.madvise = count_drops;
    zp_os_calls.sysinfo = unit_some_swap;
    scrub(PAGES);
    ck_assert_uint_eq(drops, 1);
    ck_assert_uint_eq(result.written, page);
    drops = 0;
    dirty(0, PAGES);
    scrub(PAGES);
    ck_assert_uint_eq(drops, 0);
}
END_TEST

static int refuse_mincore(void *address, size_t length, unsigned char *vector)
{
    (void)address;
    (void)length;
    (void)vector;
    errno = EAGAIN;
    return -1;
}

static int refuse_madvise(void *address, size_t length, int advice)
{
    (void)address;
    (void)length;
    (void)advice;
    errno = EINVAL;
    return -1;
}

// Breaks when a range is left dirty because the kernel does not say what is in memory.
START_TEST(without_an_answer_everything_is_dropped)
{
    map();
    dirty(0, PAGES);
    zp_os_calls.mincore = refuse_mincore;
    scrub(PAGES);
    ck_assert_uint_eq(result.dropped, PAGES * page);
    ck_assert(unit_is_zero(memory, PAGES * page));
}
END_TEST

// Breaks when a refusal to drop pages is kept secret: they may be swapped out, and dirty.
START_TEST(a_refused_drop_is_an_error)
{
    map();
    dirty(3, 4);
    zp_os_calls.sysinfo = unit_some_swap;
    zp_os_calls.madvise = refuse_madvise;
    errno = 4711;
    ck_assert_int_eq(
        zp_scrub(memory, PAGES * page, (struct zp_scrub_hint){.cached = true}, &result), -EINVAL);
    ck_assert_int_eq(zp_scrub(memory, 7 * page, (struct zp_scrub_hint){0}, &result), -EINVAL);
    ck_assert_int_eq(errno, 4711);
    ck_assert_int_eq(
        zp_scrub(memory + 3 * page, 4 * page, (struct zp_scrub_hint){.cached = true}, &result), 0);
}
END_TEST

// Breaks when either way of overwriting misses a byte or goes beyond the end.
START_TEST(resident_ranges_are_overwritten)
{
    map();
    for (size_t pages = 1; pages < 40; pages += 3) {
        dirty(0, 42);
        zp_scrub_resident(memory + page, pages * page, _i == 1);
        ck_assert_int_eq(memory[page - 1], (char)0xA5);
        ck_assert(unit_is_zero(memory + page, pages * page));
        ck_assert_int_eq(memory[(pages + 1) * page], (char)0xA5);
    }
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, pages_in_memory_are_overwritten, 0, 3);
    tcase_add_test(tests, holes_stay_holes);
    tcase_add_test(tests, what_looks_empty_is_dropped);
    tcase_add_test(tests, nothing_in_memory_nothing_written);
    tcase_add_test(tests, a_window_of_many_holes_is_dropped_whole);
    tcase_add_test(tests, random_patterns_become_zero);
    tcase_add_test(tests, what_was_only_read_takes_no_memory);
    tcase_add_test(tests, any_page_that_holds_something_is_overwritten);
    tcase_add_test(tests, huge_pages_become_zero);
    tcase_add_test(tests, holes_are_dropped_if_there_is_swap);
    tcase_add_test(tests, one_hole_is_one_call);
    tcase_add_test(tests, without_an_answer_everything_is_dropped);
    tcase_add_test(tests, a_refused_drop_is_an_error);
    tcase_add_loop_test(tests, resident_ranges_are_overwritten, 0, 2);
    return unit_run("scrub", tests);
}
