// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support.h"

// ---- Before the start ------------------------------------------------------------------------

// Breaks when the pool does anything before it has started: malloc may come before it.
START_TEST(before_the_start_there_is_nothing)
{
    char here;
    ck_assert_ptr_null(unit_get(ZP_MIB));
    ck_assert(!zp_arena_owns(&here));
    ck_assert(!zp_arena_owns(NULL));
    ck_assert(!zp_arena_owns((void *)UINTPTR_MAX));
    ck_assert_uint_eq(zp_pool_trim(), 0);
    zp_pool_flush();
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(zp_counters_served(&stats.counters), 0);
    ck_assert_uint_eq(stats.retained_bytes, 0);
}
END_TEST

// ---- Clearing --------------------------------------------------------------------------------

static const size_t sizes[] = {ZP_CLASS_MIN,     ZP_CLASS_MIN + 1, 200000,
                               ZP_MIB,           5 * ZP_MIB / 4,   2 * ZP_MIB - 1,
                               2 * ZP_MIB,       2 * ZP_MIB + 1,   5368709, // 5.12 MiB
                               31 * ZP_MIB + 17, 48 * ZP_MIB};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static int refuse_to_drop(void *address, size_t length, int advice)
{
    if (advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED) {
        errno = EINVAL;
        return -1;
    }
    return madvise(address, length, advice);
}

// Breaks when calloc gets what an earlier owner wrote, loses more than it asked for, has pages
// fetched that were not there, or believes that memory is zero which the kernel did not drop.
START_TEST(a_dirty_buffer_is_cleared_for_calloc)
{
    static const size_t buffer_sizes[] = {ZP_MIB, 5 * ZP_MIB};
    size_t size = buffer_sizes[_i], part = size / 2 + 100, page = unit_page();
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = false;
    zp_os_calls.sysinfo = unit_some_swap; // so that holes are dropped
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(size);
    memset(slot->base, 0xA5, page);
    slot->base[part - 1] = slot->base[size - 1] = 1;
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(unit_get(size), slot);
    ck_assert(!zp_slot_is_zero(slot));

    zp_os_calls.madvise = refuse_to_drop;
    errno = 4711;
    ck_assert(!zp_pool_clear(slot, part));
    zp_os_calls.madvise = madvise;
    ck_assert(zp_pool_clear(slot, part));
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_lt(unit_resident_pages(slot->base, size), 8);
    ck_assert(unit_is_zero(slot->base, part));
    ck_assert_int_eq(slot->base[size - 1], 1);
}
END_TEST

// ---- What the program does to a buffer's mapping ------------------------------------------------

// Breaks when a buffer that the program made unreadable, or asked to be kept from children, is
// handed out like that, or crashes the thread that frees it; or when its neighbour is held
// responsible.
START_TEST(a_marked_buffer_is_made_anew)
{
    unit_pool_start_default();
    size_t size = _i % 2 == 0 ? ZP_MIB : 4 * ZP_MIB;
    struct zp_slot *slot = unit_get_or_fail(size), *neighbour = unit_get_or_fail(size);
    memset(slot->base, 0xA5, size);
    char *part = slot->base + size / 2;
    if (_i < 2)
        ck_assert_int_eq(mprotect(part, unit_page(), PROT_NONE), 0);
    else
        ck_assert_int_eq(mlock(part, unit_page()), 0);
    zp_pool_note_marks(part, unit_page());
    ck_assert_int_eq(slot->mapping, ZP_MAPPING_CHANGED);
    ck_assert_int_eq(neighbour->mapping, ZP_MAPPING_PLAIN);
    zp_pool_put(slot->base);
    zp_pool_put(neighbour->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_int_eq(neighbour->state, ZP_SLOT_CACHED);
    ck_assert_ptr_eq(unit_get(size), neighbour);
    ck_assert_ptr_eq(unit_get(size), slot);
    ck_assert_int_eq(slot->mapping, ZP_MAPPING_PLAIN);
    ck_assert(unit_is_zero(slot->base, size));
    memset(slot->base, 1, size);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
}
END_TEST

// Breaks when a mark over several buffers misses one, or one on memory that is no buffer does harm.
START_TEST(marks_reach_every_buffer_they_cover)
{
    unit_pool_start_default();
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = unit_get_or_fail(ZP_MIB);
    zp_pool_note_marks(slots[0]->base + ZP_MIB - 1, ZP_MIB + 2);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(slots[i]->mapping, ZP_MAPPING_CHANGED);
    zp_pool_put(slots[1]->base);
    zp_pool_note_marks(slots[1]->base, ZP_MIB);
    zp_pool_note_marks(&slots, sizeof(slots));
    zp_pool_note_marks(slots[0]->base, 0);
    zp_pool_note_marks(NULL, SIZE_MAX);
    ck_assert_ptr_eq(unit_get(ZP_MIB), slots[1]);
    ck_assert_int_eq(slots[1]->mapping, ZP_MAPPING_PLAIN);
}
END_TEST

// ---- Faults of the program -------------------------------------------------------------------

static int put_twice(void *buffer)
{
    zp_pool_put(buffer);
    zp_pool_put(buffer);
    return 0;
}

static int put(void *buffer)
{
    zp_pool_put(buffer);
    return 0;
}

static int ask_about(void *buffer)
{
    zp_pool_slot(buffer, "realloc");
    return 0;
}

static const char *fatal_line(const char *what, const void *pointer)
{
    static char line[256];
    snprintf(line, sizeof(line), "zeropool: fatal: %s (pointer %p)", what, pointer);
    return line;
}

// Breaks when a double free goes unnoticed, wherever the buffer is by then, or ends in another way.
START_TEST(a_double_free_is_fatal)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = _i == 2 ? 0 : config.budget;
    config.thread_cache_most = _i == 1 ? 0 : config.thread_cache_most;
    config.content.scrub = _i != 3;
    unit_pool_start(&config);
    char *base = unit_get_or_fail(ZP_MIB)->base;
    unit_expect_fatal(put_twice, base, fatal_line("double free", base));
}
END_TEST

// Breaks when an address inside a buffer, or behind what is committed of it, is taken for a buffer.
START_TEST(freeing_an_inner_address_is_fatal)
{
    unit_pool_start_default();
    char *base = unit_get_or_fail(3 * ZP_MIB)->base;
    static const size_t offsets[] = {1, 64 * 1024, 2 * ZP_MIB, 3 * ZP_MIB};
    for (unsigned i = 0; i < 4; i++)
        unit_expect_fatal(put, base + offsets[i],
                          fatal_line("free of an address inside a buffer", base + offsets[i]));
    zp_pool_put(base);
}
END_TEST

// Breaks when an address of the arena where there never was a buffer is taken for one, in regions
// with slots and in those without.
START_TEST(freeing_what_never_was_a_buffer_is_fatal)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.smallest = ZP_MIB;
    unit_pool_start(&config);
    unit_get_or_fail(ZP_MIB);
    char *arena = (char *)zp_arena.base; // NOLINT(performance-no-int-to-ptr)
    const size_t offsets[] = {
        0, // a region below the smallest
        zp_arena_region_of(ZP_GIB) * ((size_t)1 << zp_arena.region_shift), // one without slots
        zp_arena_region_of(ZP_MIB) * ((size_t)1 << zp_arena.region_shift) + ZP_MIB,
        zp_arena.size - 1,
    };
    for (unsigned i = 0; i < 4; i++)
        unit_expect_fatal(
            put, arena + offsets[i],
            fatal_line("free of an address that was never handed out", arena + offsets[i]));
}
END_TEST

// Breaks when another operation on a free buffer is reported as a free, or not at all.
START_TEST(using_a_free_buffer_is_fatal)
{
    unit_pool_start_default();
    char *base = unit_get_or_fail(ZP_MIB)->base;
    zp_pool_put(base);
    unit_expect_fatal(ask_about, base, fatal_line("realloc of a buffer that is free", base));
    unit_expect_fatal(ask_about, base + 8,
                      fatal_line("realloc of an address inside a buffer", base + 8));
}
END_TEST

// Breaks when a pool that may make few system calls loses, dirties or refuses a buffer.
START_TEST(few_calls_are_enough)
{
    unit_pool_start_default();
    struct zp_slot *before = unit_get_or_fail(sizes[_i]);
    memset(before->base, 0xA5, before->usable);
    zp_os_restrict();
    zp_pool_put(before->base);
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = unit_get_or_fail(sizes[_i]);
        ck_assert(unit_is_zero(slot->base, slot->usable));
        memset(slot->base, 0xA5, slot->usable);
        zp_pool_put(slot->base);
    }
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, before_the_start_there_is_nothing);
    tcase_add_loop_test(tests, a_dirty_buffer_is_cleared_for_calloc, 0, 2);
    tcase_add_loop_test(tests, a_marked_buffer_is_made_anew, 0, 4);
    tcase_add_test(tests, marks_reach_every_buffer_they_cover);
    tcase_add_loop_test(tests, a_double_free_is_fatal, 0, 4);
    tcase_add_test(tests, freeing_an_inner_address_is_fatal);
    tcase_add_test(tests, freeing_what_never_was_a_buffer_is_fatal);
    tcase_add_test(tests, using_a_free_buffer_is_fatal);
    tcase_add_loop_test(tests, few_calls_are_enough, 0, SIZES);
    return unit_run("pool", tests);
}
