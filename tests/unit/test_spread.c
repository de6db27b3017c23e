// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/spread.h"
#include "support.h"

enum { NEIGHBOURS = 16 };

static void start(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.spread = true;
    config.arena.huge_pages = ZP_HUGE_NONE;
    config.budget = 256 * ZP_MIB;
    unit_pool_start(&config);
}

static struct zp_slot *get(size_t size, size_t alignment)
{
    struct zp_slot *slot = zp_pool_get(size, alignment);
    MUST(slot != NULL && zp_slot_room(slot) >= size);
    MUST((uintptr_t)slot->start % alignment == 0);
    MUST((uintptr_t)slot->start % ZP_CACHE_LINE == 0);
    MUST(zp_slot_offset(slot) < ZP_LEAST_PAGE);
    return slot;
}

static const size_t sizes[] = {512 * ZP_KIB, ZP_MIB, ZP_MIB + 1, 2 * ZP_MIB - 64, 4 * ZP_MIB};

// Breaks when two of 16 neighbours start at the same line: used in step they would share a set.
START_TEST(neighbours_start_at_different_lines)
{
    bool taken[ZP_LEAST_PAGE / ZP_CACHE_LINE] = {false};
    start();
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        size_t line = zp_slot_offset(get(sizes[_i], 1)) / ZP_CACHE_LINE;
        ck_assert(!taken[line]);
        taken[line] = true;
    }
}
END_TEST

// Breaks when an owner who writes all that was asked for leaves a page untouched: its buffer would
// never count as one that is in memory, and each free would ask the kernel.
START_TEST(the_first_and_the_last_page_are_the_owners)
{
    start();
    for (size_t size = ZP_MIB; size < ZP_MIB + 3 * unit_page(); size += unit_page() / 40) {
        struct zp_slot *slots[NEIGHBOURS];
        for (size_t i = 0; i < NEIGHBOURS; i++) {
            slots[i] = get(size, 1);
            ck_assert_uint_eq(slots[i]->usable,
                              zp_round_up(zp_slot_offset(slots[i]) + size, unit_page()));
        }
        for (size_t i = 0; i < NEIGHBOURS; i++)
            zp_pool_put(slots[i]->start);
        zp_pool_trim();
    }
}
END_TEST

// Breaks when a buffer of whose size each page was written does not count as wholly in memory: the
// page that its start takes is untouched.
START_TEST(a_byte_in_each_page_makes_all_resident)
{
    start();
    struct zp_slot *slot = get(ZP_MIB, 1);
    for (size_t at = 0; at < ZP_MIB; at += unit_page())
        slot->start[at] = 1;
    zp_pool_put(slot->start);
    ck_assert_uint_eq(unit_resident_pages(slot->base, slot->usable), slot->usable / unit_page());
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    ck_assert_uint_eq(slot->warm, slot->usable / unit_page());
}
END_TEST

// Breaks when that page is fetched for an owner who left others untouched.
START_TEST(a_page_left_out_stays_out)
{
    start();
    struct zp_slot *slot = get(ZP_MIB, 1);
    for (size_t at = unit_page(); at < ZP_MIB; at += unit_page())
        slot->start[at] = 1;
    zp_pool_put(slot->start);
    ck_assert_uint_eq(unit_resident_pages(slot->base, slot->usable),
                      slot->usable / unit_page() - 2);
    ck_assert_int_eq(slot->content, ZP_CONTENT_ZERO);
}
END_TEST

// Breaks when a buffer takes more than a hundredth more, or a small one takes any.
START_TEST(a_start_costs_a_page)
{
    start();
    ck_assert_uint_eq(get(ZP_MIB, 1)->committed, ZP_MIB + unit_page());
    ck_assert_uint_eq(get(ZP_SPREAD_LEAST, 1)->committed, ZP_SPREAD_LEAST + unit_page());
    struct zp_slot *small = get(ZP_SPREAD_LEAST - 1, 1);
    ck_assert_uint_eq(small->committed, ZP_SPREAD_LEAST);
    ck_assert_ptr_eq(small->start, small->base);
}
END_TEST

// Breaks when a request for more than a line does not start with its slot, or a slot keeps such a
// start, or forgets its own.
START_TEST(alignment_is_honoured)
{
    start();
    get(4 * ZP_MIB, ZP_CACHE_LINE);
    struct zp_slot *slot = get(4 * ZP_MIB, 1);
    char *before = slot->start;
    for (size_t alignment = 2 * ZP_CACHE_LINE; alignment <= ZP_CLASS_MIN; alignment *= 2) {
        zp_pool_put(slot->start);
        ck_assert_ptr_eq(get(4 * ZP_MIB, alignment), slot);
        ck_assert_ptr_eq(slot->start, slot->base);
    }
    zp_pool_put(slot->start);
    ck_assert_ptr_eq(get(4 * ZP_MIB, 1), slot);
    ck_assert_ptr_eq(slot->start, before);
}
END_TEST

// Breaks when the thread's newest buffer comes back with another start, or is not found.
START_TEST(the_newest_comes_back_as_it_was)
{
    start();
    struct zp_slot *slot = get(ZP_MIB + 1000, 1);
    char *before = slot->start;
    size_t cached = slot->usable;
    zp_pool_put(before);
    ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), cached);
    ck_assert_uint_le(cached, zp_thread_cache->granted);
    ck_assert_ptr_eq(zp_pool_get_newest(ZP_MIB + 1000), before);
    ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), 0);
    zp_pool_put(before);
    // What its start takes is not the next owner's.
    ck_assert_ptr_null(zp_pool_get_newest(zp_slot_room(slot) + 1));
    ck_assert_ptr_eq(zp_pool_get_newest(zp_slot_room(slot)), before);
}
END_TEST

// Breaks when realloc counts from the slot's first byte, or a move changes the offset.
START_TEST(a_growing_buffer_keeps_its_bytes)
{
    start();
    get(2 * ZP_MIB, 1);
    struct zp_slot *slot = get(2 * ZP_MIB, 1);
    size_t size = 2 * ZP_MIB, offset = zp_slot_offset(slot);
    ck_assert_uint_ne(offset, 0);
    memset(slot->start, 7, size);
    for (; size < 32 * ZP_MIB; size *= 2) {
        if (!zp_pool_resize(slot, 2 * size))
            slot = zp_pool_move(slot, 2 * size);
        ck_assert_ptr_nonnull(slot);
        ck_assert_uint_ge(zp_slot_room(slot), 2 * size);
        ck_assert_uint_eq(zp_slot_offset(slot), offset);
        for (size_t i = 0; i < 2 * size; i += 997)
            ck_assert_int_eq(slot->start[i], i < size ? 7 : 0);
        memset(slot->start, 7, 2 * size);
    }
    ck_assert(zp_pool_resize(slot, 3 * ZP_MIB));
    ck_assert_uint_ge(zp_slot_room(slot), 3 * ZP_MIB);
    ck_assert_int_eq(slot->start[3 * ZP_MIB - 1], 7);
}
END_TEST

// Breaks when calloc leaves the end of what it was asked for.
START_TEST(clearing_counts_from_the_start)
{
    start();
    struct zp_slot *slot = get(ZP_MIB, 1);
    memset(slot->start, 7, zp_slot_room(slot));
    ck_assert(zp_pool_clear(slot, ZP_MIB));
    ck_assert(unit_is_zero(slot->start, ZP_MIB));
}
END_TEST

// Breaks when the slot's first byte passes for the buffer that starts behind it.
START_TEST(the_base_is_inside_the_buffer)
{
    start();
    struct zp_slot *slot = get(ZP_MIB, 1);
    ck_assert(zp_pool_is_live(slot, slot->start));
    ck_assert(!zp_pool_is_live(slot, slot->base));
}
END_TEST

// Breaks when the largest size is refused for want of a start.
START_TEST(the_largest_starts_with_its_slot)
{
    start();
    ck_assert_uint_eq(zp_spread_length(ZP_CLASS_MAX, 1), ZP_CLASS_MAX);
    ck_assert_uint_le(zp_spread_length(ZP_CLASS_MAX - ZP_SPREAD_BYTES, 1), ZP_CLASS_MAX);
    ck_assert_uint_eq(zp_spread_length(SIZE_MAX, 1), SIZE_MAX);
}
END_TEST

static void expect_no_starts(void)
{
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        struct zp_slot *slot = get(ZP_MIB, 1);
        ck_assert_ptr_eq(slot->start, slot->base);
        ck_assert_uint_eq(slot->committed, ZP_MIB);
    }
}

// Breaks when a fully checked buffer does not end where its gap begins.
START_TEST(checked_fully_buffers_start_with_their_slots)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.spread = true;
    unit_check_fully(&config, 0);
    unit_pool_start(&config);
    expect_no_starts();
}
END_TEST

// Breaks when a buffer of 1 MiB takes a sixteenth more for its start.
START_TEST(buffers_start_with_their_slots_where_pages_are_large)
{
    start();
    expect_no_starts();
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    if (unit_page() > 16 * ZP_KIB) {
        tcase_add_test(tests, buffers_start_with_their_slots_where_pages_are_large);
    } else {
        tcase_add_loop_test(tests, neighbours_start_at_different_lines, 0,
                            sizeof(sizes) / sizeof(sizes[0]));
        tcase_add_test(tests, a_page_left_out_stays_out);
        tcase_add_test(tests, a_start_costs_a_page);
        tcase_add_test(tests, a_growing_buffer_keeps_its_bytes);
        tcase_add_test(tests, the_base_is_inside_the_buffer);
    }
    tcase_add_test(tests, the_first_and_the_last_page_are_the_owners);
    tcase_add_test(tests, a_byte_in_each_page_makes_all_resident);
    tcase_add_test(tests, alignment_is_honoured);
    tcase_add_test(tests, the_newest_comes_back_as_it_was);
    tcase_add_test(tests, clearing_counts_from_the_start);
    tcase_add_test(tests, the_largest_starts_with_its_slot);
    tcase_add_test(tests, checked_fully_buffers_start_with_their_slots);
    return unit_run("spread", tests);
}
