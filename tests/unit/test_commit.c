// SPDX-License-Identifier: MIT OR Apache-2.0

#include "arena_support.h"
#include "core/commit.h"

static const size_t commit_sizes[] = {ZP_CLASS_MIN, ZP_MIB + 1, 2 * ZP_MIB, 3 * ZP_MIB + 12345};

enum { COMMIT_SIZES = sizeof(commit_sizes) / sizeof(commit_sizes[0]) };

// Breaks when committed bytes cannot be written, are not zero, or are not exactly what was asked
// for.
START_TEST(committed_bytes_are_there_and_zero)
{
    arena_start_default();
    size_t size = commit_sizes[_i], rounded = zp_round_up(size, unit_page());
    struct zp_slot *slot = arena_take(size);
    ck_assert(!unit_is_readable(slot->base));
    errno = 4711;
    ck_assert_int_eq(zp_commit(slot, size), 0);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(slot->committed, rounded);
    ck_assert_uint_eq(zp_commit_bytes(), rounded);
    ck_assert_uint_eq(unit_resident_pages(slot->base, rounded), 0);
    ck_assert(unit_is_zero(slot->base, rounded));
    memset(slot->base, 1, rounded);
    ck_assert_int_eq(zp_commit(slot, size / 2), 0); // less: nothing to do
    ck_assert_uint_eq(slot->committed, rounded);
}
END_TEST

// Breaks when a standalone slot does not end in a gap: an overrun would reach the next buffer, and
// the kernel could round the memory up.
START_TEST(a_standalone_slot_ends_in_a_gap)
{
    arena_start_default();
    size_t full = 4 * ZP_MIB - unit_page(), size = _i == 0 ? full : 2 * ZP_MIB;
    struct zp_slot *slot = arena_take_committed(size), *next = arena_take_committed(size);
    ck_assert_uint_eq(zp_arena_capacity(slot), full);
    ck_assert(unit_is_readable(slot->base + size - 1));
    ck_assert(!unit_is_readable(slot->base + size));
    ck_assert(!unit_is_readable(next->base - 1));
    ck_assert(unit_is_readable(next->base));
}
END_TEST

// Breaks when what is added to a buffer passes for being in memory, or when of what was taken away
// something stays known or usable.
START_TEST(what_is_known_follows_the_length)
{
    arena_start_default();
    size_t size = _i == 0 ? ZP_MIB + ZP_MIB / 2 : 3 * ZP_MIB, page = unit_page();
    struct zp_slot *slot = arena_take_committed(size);
    slot->usable = size;
    slot->content = ZP_CONTENT_RESIDENT;
    slot->warm = (uint32_t)(size / page);
    ck_assert_int_eq(zp_commit_trim(slot, size - 2 * page), 0);
    ck_assert_uint_eq(slot->usable, size - 2 * page);
    ck_assert_uint_eq(slot->warm, size / page - 2);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    ck_assert_int_eq(zp_commit(slot, size), 0);
    ck_assert_uint_eq(slot->usable, size - 2 * page); // what is added is the tail at first
    ck_assert_uint_eq(slot->warm, size / page - 2);
    ck_assert_int_eq(slot->content, ZP_CONTENT_ZERO);
    slot->content = ZP_CONTENT_DIRTY;
    ck_assert_int_eq(zp_commit(slot, size + page), 0);
    ck_assert_int_eq(slot->content, ZP_CONTENT_DIRTY);
    ck_assert_int_eq(zp_commit_trim(slot, 0), 0);
    ck_assert(zp_slot_is_empty(slot));
    ck_assert_uint_eq(slot->usable, 0);
}
END_TEST

// Breaks when under strict overcommit a small slot is accessible beyond what was asked for: every
// page of it is charged.
START_TEST(strict_overcommit_opens_no_more_than_asked)
{
    arena_start(
        (struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN, .strict = true});
    struct zp_slot *slot = arena_take_committed(ZP_MIB + unit_page());
    ck_assert(unit_is_readable(slot->base + ZP_MIB));
    ck_assert(!unit_is_readable(slot->base + ZP_MIB + unit_page()));
    zp_decommit(slot);
    ck_assert(!unit_is_readable(slot->base));
    ck_assert_uint_eq(zp_commit_bytes(), 0);
}
END_TEST

static bool asks_for_huge_pages(const char *base)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    ck_assert_ptr_nonnull(maps);
    char line[512];
    bool inside = false, asks = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (uintptr_t)base && (uintptr_t)base < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            asks = strstr(line, " hg") != NULL;
    }
    fclose(maps);
    return asks;
}

// Breaks when huge pages are asked for that nobody wanted, or not where they were wanted: what a
// slot grows by comes as the rest does.
START_TEST(huge_pages_are_asked_for_by_slot)
{
    arena_start_default();
    struct zp_slot *slot = arena_take_committed(5 * ZP_MIB),
                   *other = arena_take_committed(5 * ZP_MIB);
    ck_assert(!zp_commit_is_huge(slot) && !asks_for_huge_pages(slot->base));
    errno = 4711;
    zp_commit_set_huge(slot, true);
    ck_assert_int_eq(errno, 4711);
    ck_assert_int_eq(zp_commit(slot, slot->committed + unit_page()), 0);
    ck_assert(zp_commit_is_huge(slot) && asks_for_huge_pages(slot->base));
    ck_assert(asks_for_huge_pages(slot->base + slot->committed - 1));
    ck_assert(!asks_for_huge_pages(other->base));
    zp_commit_set_huge(slot, false);
    ck_assert(!zp_commit_is_huge(slot) && !asks_for_huge_pages(slot->base));
}
END_TEST

static size_t refused_huge; // bytes, the last time

static int note_nohugepage(void *address, size_t length, int advice)
{
    if (advice == MADV_NOHUGEPAGE)
        refused_huge = length;
    return madvise(address, length, advice);
}

// Breaks when, with a kernel that gives huge pages to everybody, addresses without access take
// part: khugepaged would look through terabytes. Or when calls are made for it where it does not.
START_TEST(huge_pages_by_default_are_refused)
{
    zp_os_calls.madvise = note_nohugepage;
    arena_start((struct zp_arena_config){.reserve = 8 * ZP_GIB,
                                         .smallest = ZP_CLASS_MIN,
                                         .huge_pages = ZP_HUGE_FILLED,
                                         .huge_by_default = _i == 1});
    ck_assert_uint_eq(refused_huge, _i == 1 ? zp_arena.size : 0);
    struct zp_slot *large = arena_take_committed(5 * ZP_MIB);
    zp_decommit(large);
    ck_assert_uint_eq(refused_huge, _i == 1 ? 5 * ZP_MIB : 0);
    struct zp_slot *packed = arena_take_committed(ZP_MIB);
    zp_slot_note_change(packed); // what was done to it goes with its mapping
    zp_decommit(packed);
    ck_assert_uint_eq(refused_huge, _i == 1 ? ZP_MIB : 0);
}
END_TEST

// Breaks when an owner long gone decides how the next one's memory comes.
START_TEST(memory_given_back_asks_for_nothing)
{
    arena_start_default();
    struct zp_slot *slot = arena_take_committed(5 * ZP_MIB);
    zp_commit_set_huge(slot, true);
    zp_decommit(slot);
    ck_assert(!asks_for_huge_pages(slot->base));
}
END_TEST

// ---- Release ---------------------------------------------------------------------------------

// Breaks when releasing a tail loses what is kept, leaves pages behind, or the tail is not zero
// when committed again.
START_TEST(a_released_tail_is_gone)
{
    arena_start_default();
    size_t size = commit_sizes[_i];
    struct zp_slot *slot = arena_take_committed(size);
    size_t committed = slot->committed, keep = zp_round_up(committed / 2, unit_page());
    memset(slot->base, 0xA5, committed);
    errno = 4711;
    ck_assert_int_eq(zp_commit_trim(slot, committed), 0);
    ck_assert_uint_eq(slot->committed, committed);
    ck_assert_int_eq(zp_commit_trim(slot, keep), 0);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(slot->committed, keep);
    ck_assert_uint_eq(zp_commit_bytes(), keep);
    ck_assert_uint_eq(unit_resident_pages(slot->base, committed), keep / unit_page());
    ck_assert_int_eq(slot->base[keep - 1], (char)0xA5);
    if (size >= ZP_HUGE_PAGE)
        ck_assert(!unit_is_readable(slot->base + keep));
    ck_assert_int_eq(zp_commit(slot, size), 0);
    ck_assert(unit_is_zero(slot->base + keep, committed - keep));
}
END_TEST

// Breaks when what was written behind the end of a packed buffer is there for a longer one that has
// the slot next: by growing, after a tail was given back, and from cold.
START_TEST(an_overrun_does_not_reach_the_next_owner)
{
    arena_start_default();
    size_t size = ZP_MIB + unit_page(), end = 2 * ZP_MIB - unit_page();
    struct zp_slot *slot = arena_take_committed(size);
    arena_overrun(slot);
    if (_i == 1)
        ck_assert_int_eq(zp_commit_trim(slot, 8 * unit_page()), 0);
    if (_i == 2) {
        zp_decommit(slot);
        arena_overrun(slot);
        ck_assert_ptr_eq(arena_take(size), slot);
        ck_assert(zp_slot_is_zero(slot));
    }
    size_t kept = slot->committed;
    memset(slot->base, 1, kept);
    ck_assert_int_eq(zp_commit(slot, end - unit_page()), 0);
    ck_assert_int_eq(zp_commit(slot, end), 0);
    ck_assert(unit_is_zero(slot->base + kept, end - kept));
    for (size_t i = 0; i < kept; i += unit_page())
        MUST(slot->base[i] == 1);
}
END_TEST

// Breaks when a decommitted slot keeps memory or does not come back clean.
START_TEST(a_decommitted_slot_is_cold)
{
    arena_start_default();
    size_t size = commit_sizes[_i];
    struct zp_slot *slot = arena_take_committed(size);
    size_t committed = slot->committed;
    memset(slot->base, 0xA5, committed);
    zp_decommit(slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert(zp_slot_is_zero(slot));
    ck_assert_uint_eq(slot->committed, 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
    ck_assert_uint_eq(unit_resident_pages(slot->base, committed), 0);
    ck_assert_ptr_eq(arena_take_committed(size), slot);
    ck_assert(unit_is_zero(slot->base, committed));
}
END_TEST

// Breaks when a slot that has no memory left in a child is not had again where its addresses are
// still reserved, or is where they are not.
START_TEST(what_a_child_does_not_have)
{
    arena_start_default();
    struct zp_slot *slot = arena_take_committed(3 * ZP_MIB);
    ck_assert_int_eq(zp_arena_close(slot->base, zp_arena_stride(slot)), 0);
    zp_commit_forget(slot, _i == 0);
    ck_assert_uint_eq(slot->committed, 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
    ck_assert_int_eq(slot->state, _i == 0 ? ZP_SLOT_COLD : ZP_SLOT_RETIRED);
    ck_assert_int_eq(arena_take_committed(3 * ZP_MIB) == slot, _i == 0);
}
END_TEST

// Breaks when pages that the program locked into memory keep a slot from being emptied.
START_TEST(locked_pages_are_given_back)
{
    arena_start_default();
    static const size_t locked[] = {ZP_MIB, 4 * ZP_MIB};
    struct zp_slot *slot = arena_take_committed(locked[_i]);
    memset(slot->base, 0xA5, slot->committed);
    if (mlock(slot->base, unit_page()) != 0)
        return; // not allowed here
    zp_decommit(slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_resident_pages(slot->base, locked[_i]), 0);
    arena_take_committed(locked[_i]);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    memset(slot->base, 1, slot->committed);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, committed_bytes_are_there_and_zero, 0, COMMIT_SIZES);
    tcase_add_loop_test(tests, a_standalone_slot_ends_in_a_gap, 0, 2);
    tcase_add_loop_test(tests, what_is_known_follows_the_length, 0, 2);
    tcase_add_test(tests, strict_overcommit_opens_no_more_than_asked);
    tcase_add_test(tests, huge_pages_are_asked_for_by_slot);
    tcase_add_loop_test(tests, huge_pages_by_default_are_refused, 0, 2);
    tcase_add_test(tests, memory_given_back_asks_for_nothing);
    tcase_add_loop_test(tests, a_released_tail_is_gone, 0, COMMIT_SIZES);
    tcase_add_loop_test(tests, an_overrun_does_not_reach_the_next_owner, 0, 3);
    tcase_add_loop_test(tests, a_decommitted_slot_is_cold, 0, COMMIT_SIZES);
    tcase_add_loop_test(tests, what_a_child_does_not_have, 0, 2);
    tcase_add_loop_test(tests, locked_pages_are_given_back, 0, 2);
    return unit_run("commit", tests);
}
