// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a large read from a file says of the buffer that it fills.

#include "core/fill.h"
#include "usage_support.h"

static int file_of(size_t size)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(ftruncate(fileno(file), (off_t)size), 0);
    return fileno(file);
}

// Breaks when a buffer that a file is about to fill comes in small pages, or more of it is fetched
// than the one huge page that tells how long they take.
START_TEST(what_a_read_fills_is_huge)
{
    start(ZP_HUGE_FILLED);
    struct zp_slot *slot = get(SIZE, &site[0]);
    errno = 4711;
    if (_i == 0)
        zp_fill_expect(slot->base, SIZE, file_of(SIZE), 0);
    else if (_i == 1) // behind a header, of a file that stands behind one, asking for more
        zp_fill_expect(slot->base + 32, 2 * SIZE, file_of(2 * SIZE), -1);
    else // piece by piece
        for (size_t at = 0; at < SIZE / 2; at += ZP_MIB / 2)
            zp_fill_expect(slot->base + at, ZP_MIB / 2, file_of(SIZE), (off_t)at);
    ck_assert(slot->huge);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_le(unit_resident_pages(slot->base, SIZE), ZP_HUGE_PAGE / unit_page());
}
END_TEST

// Breaks when a buffer comes in huge pages although little is read into it: the file is short, or
// nearly at its end, or none; or when reading elsewhere has an effect.
START_TEST(what_a_read_does_not_fill_is_not)
{
    start(ZP_HUGE_FILLED);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    struct zp_slot *slot = get(SIZE, &site[0]);
    zp_fill_expect(slot->base, SIZE, file_of(ZP_MIB), 0);
    zp_fill_expect(slot->base, SIZE, file_of(SIZE), SIZE - 4096);
    zp_fill_expect(slot->base, SIZE, file_of(SIZE), 2 * SIZE);
    zp_fill_expect(slot->base, SIZE, ends[0], -1);
    zp_fill_expect(slot->base, SIZE, -1, -1);
    zp_fill_expect(slot->base + SIZE - 4096, SIZE, file_of(SIZE), 0);
    zp_fill_expect(slot->base + SIZE, SIZE, file_of(SIZE), 0);
    ck_assert(!slot->huge);
    zp_pool_put(slot->base);
    zp_fill_expect(slot->base, SIZE, file_of(SIZE), 0); // no longer a buffer
    ck_assert(!slot->huge);
    struct zp_slot *packed = get(ZP_MIB, &site[0]);
    zp_fill_expect(packed->base, ZP_MIB, file_of(SIZE), 0);
    ck_assert(!packed->huge);
}
END_TEST

// Breaks when a buffer that is in memory, whose pages stay as they are, costs system calls; or one
// whose mapping the program has changed is changed again.
START_TEST(what_is_there_is_left_alone)
{
    start(ZP_HUGE_FILLED);
    struct zp_slot *slot = get_and_fill(SIZE, &site[0]);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(get(SIZE, &site[0]), slot);
    ck_assert((slot->content == ZP_CONTENT_RESIDENT));
    zp_fill_expect(slot->base, SIZE, file_of(SIZE), 0);
    ck_assert(!slot->huge);
    slot = get(SIZE, &site[1]);
    zp_pool_note_marks(slot->base, SIZE);
    zp_fill_expect(slot->base, SIZE, file_of(SIZE), 0);
    ck_assert(!slot->huge);
}
END_TEST

// ---- Small pages -----------------------------------------------------------------------------

// Breaks when a buffer that a file fills is said to have nothing to fetch, or more than the file
// has, the read asks for, or the buffer has room for.
START_TEST(small_pages_are_fetched)
{
    start(ZP_HUGE_NONE);
    struct zp_slot *slot = get(SIZE, &site[0]);
    ck_assert_uint_eq(zp_fill_expect(slot->base, SIZE, file_of(ZP_MIB), 0), ZP_MIB);
    ck_assert_uint_eq(zp_fill_expect(slot->base, ZP_MIB, file_of(SIZE), 0), ZP_MIB);
    ck_assert_uint_eq(zp_fill_expect(slot->base + SIZE - 4096, ZP_MIB, file_of(SIZE), 0), 4096);
    ck_assert_uint_eq(zp_fill_expect(slot->base, SIZE, -1, 0), 0);
    struct zp_slot *packed = get(ZP_MIB, &site[0]);
    ck_assert_uint_eq(zp_fill_expect(packed->base, ZP_MIB, file_of(SIZE), 0), ZP_MIB);
}
END_TEST

// Breaks when a buffer that programs read into again and again is fetched each time.
START_TEST(what_was_filled_is_not_fetched_again)
{
    start(ZP_HUGE_NONE);
    struct zp_slot *slot = get(SIZE, &site[0]);
    int fd = file_of(SIZE);
    for (size_t at = 0; at < SIZE; at += ZP_MIB)
        ck_assert_uint_eq(zp_fill_expect(slot->base + at, ZP_MIB, fd, 0), ZP_MIB);
    ck_assert_uint_eq(zp_fill_expect(slot->base, SIZE, fd, 0), 0);
    write_all(slot);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(get(SIZE, &site[0]), slot);
    ck_assert_uint_eq(zp_fill_expect(slot->base, SIZE, fd, 0), 0); // all is in memory
}
END_TEST

// Breaks when what an earlier owner read counts although its pages are gone, in the thread's cache
// (0) or in a shard (1); or when it does not count although they are there (2).
START_TEST(what_an_earlier_owner_read_counts_while_it_is_there)
{
    start_with_cache(ZP_HUGE_NONE, 4);
    struct zp_slot *slot = get(SIZE, &site[0]);
    int fd = file_of(SIZE);
    ck_assert_uint_eq(zp_fill_expect(slot->base, SIZE, fd, 0), SIZE);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
    if (_i == 1)
        zp_pool_flush();
    if (_i == 2)
        slot->content = ZP_CONTENT_DIRTY; // as it is kept without zeroing
    ck_assert_ptr_eq(get(SIZE, &site[0]), slot);
    ck_assert_uint_eq(zp_fill_expect(slot->base, SIZE, fd, 0), _i == 2 ? 0 : SIZE);
}
END_TEST

// Breaks when pages outside of the range are fetched, or those inside are not; or when nothing, or
// less than a page, is taken for all that there is.
START_TEST(the_range_is_fetched_and_no_more)
{
    start(ZP_HUGE_NONE);
    struct zp_slot *slot = get(SIZE, &site[0]);
    size_t page = unit_page();
    zp_fill_fetch(slot->base + 64, 0);
    zp_fill_fetch(slot->base + 64, page);
    zp_fill_fetch(slot->base + 64, page - 64);
    ck_assert_uint_eq(unit_resident_pages(slot->base, SIZE), 0);
    zp_fill_fetch(slot->base + 64, 5 * page);
    // The kernel fetches since 5.14.
    char *other = get(ZP_MIB, &site[0])->base;
    size_t fetched = zp_os_advise(other, page, MADV_POPULATE_WRITE) == 0 ? 4 : 0;
    ck_assert_uint_eq(unit_resident_pages(slot->base, SIZE), fetched);
    ck_assert_uint_eq(unit_resident_pages(slot->base + page, 4 * page), fetched);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, what_a_read_fills_is_huge, 0, 3);
    tcase_add_test(tests, what_a_read_does_not_fill_is_not);
    tcase_add_test(tests, what_is_there_is_left_alone);
    tcase_add_test(tests, small_pages_are_fetched);
    tcase_add_test(tests, what_was_filled_is_not_fetched_again);
    tcase_add_loop_test(tests, what_an_earlier_owner_read_counts_while_it_is_there, 0, 3);
    tcase_add_test(tests, the_range_is_fetched_and_no_more);
    return unit_run("fill", tests);
}
