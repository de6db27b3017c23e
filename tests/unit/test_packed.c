// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Slots that share a mapping, and those that have to when mappings run short.

#include "arena_support.h"

// Room for four standalone slots.
static void start_with_few_mappings(void)
{
    arena_start((struct zp_arena_config){.reserve = 24 * ZP_GIB,
                                         .smallest = ZP_CLASS_MIN,
                                         .huge_pages = ZP_HUGE_FILLED,
                                         .mappings = 8});
}

// Takes large slots until one is packed.
static struct zp_slot *take_packed(size_t size)
{
    for (unsigned i = 0; i < 4; i++)
        ck_assert(!arena_take_committed(size)->packed);
    struct zp_slot *slot = arena_take_committed(size);
    ck_assert(slot->packed);
    return slot;
}

// ---- Mappings --------------------------------------------------------------------------------

// Breaks when every small slot in use is a mapping of its own: the kernel allows 65530 of them.
START_TEST(packed_slots_share_a_mapping)
{
    arena_start_default();
    for (unsigned i = 0; i < 60; i++)
        arena_take_committed(ZP_MIB);
    unsigned before = unit_mappings();
    arena_take_committed(ZP_MIB);
    ck_assert_uint_eq(unit_mappings(), before);
}
END_TEST

// Breaks when large slots go on taking two mappings each, of one region or of several, until the
// program has none left.
START_TEST(large_slots_share_mappings_when_they_run_short)
{
    start_with_few_mappings();
    struct zp_slot *slot = take_packed(3 * ZP_MIB);
    ck_assert(!zp_commit_is_huge(slot));
    memset(slot->base, 1, slot->committed); // all runs have an owner of pages
    arena_take_committed(5 * ZP_MIB);
    unsigned before = unit_mappings();
    for (unsigned i = 0; i < 20; i++) {
        slot = arena_take_committed(i % 2 == 0 ? 3 * ZP_MIB : 5 * ZP_MIB);
        ck_assert(slot->packed);
        memset(slot->base, 1, slot->committed);
    }
    ck_assert_uint_le(unit_mappings(), before + 3); // records are opened meanwhile
}
END_TEST

// Breaks when packed slots become one mapping without bound: the kernel refuses a fork of one that
// is larger than the machine's memory; or when large slots are packed that would be one each.
START_TEST(runs_of_packed_slots_are_bounded)
{
    arena_start(
        (struct zp_arena_config){.reserve = 96 * ZP_GIB, .smallest = ZP_MIB, .mappings = 1});
    arena_take_committed(2 * ZP_MIB);
    ck_assert_ptr_null(zp_arena_take(zp_arena_region_of(64 * ZP_MIB)));
    struct zp_slot *slot = NULL, *first = arena_take_committed(32 * ZP_MIB);
    for (unsigned i = 1; i < 8; i++)
        memset((slot = arena_take_committed(32 * ZP_MIB))->base, 1, 1);
    ck_assert(first->packed && slot == first + 7);
    for (slot = first; slot < first + 8; slot++)
        ck_assert_int_eq(unit_is_readable(slot->base + 64 * ZP_MIB - 1), (slot - first) % 4 != 3);
    slot = first + 3; // whatever was done to it
    ck_assert_int_eq(mprotect(slot->base, 64 * ZP_MIB, PROT_READ | PROT_WRITE), 0);
    zp_slot_note_change(slot);
    zp_decommit(slot);
    ck_assert_ptr_eq(arena_take_committed(32 * ZP_MIB), slot);
    ck_assert(!unit_is_readable(slot->base + 64 * ZP_MIB - 1));
}
END_TEST

// Breaks when slots are packed together across the place where one mapping ends and the next
// begins: a run that begins late ends where it would.
START_TEST(runs_end_at_a_multiple)
{
    arena_start(
        (struct zp_arena_config){.reserve = 96 * ZP_GIB, .smallest = ZP_MIB, .mappings = 2});
    struct zp_slot *slot = arena_take_committed(32 * ZP_MIB);
    ck_assert(!slot->packed);
    const struct zp_region_use *use = &zp_region_use[slot->region];
    for (unsigned i = 1; i < 12; i++) {
        ck_assert(arena_take_committed(32 * ZP_MIB)->packed);
        ck_assert_uint_eq(use->used, i / 4 * 4 + 4);
    }
}
END_TEST

// Of the arena alone: a sanitizer maps memory of its own at any time.
static unsigned arena_mappings(void)
{
    unsigned count = 0;
    unsigned long from;
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    while (fscanf(maps, "%lx%*[^\n]", &from) == 1)
        count += zp_arena_owns((const void *)from);
    fclose(maps);
    return count;
}

// Breaks when packed slots that were used and given back, in any order, leave mappings in pieces,
// or when slots stay packed although there are mappings again.
START_TEST(packed_slots_are_used_again)
{
    start_with_few_mappings();
    struct zp_slot *slots[24], *standalone[4];
    for (unsigned i = 0; i < 4; i++)
        standalone[i] = arena_take_committed(3 * ZP_MIB);
    for (unsigned i = 0; i < 24; i++)
        memset((slots[i] = arena_take_committed(3 * ZP_MIB))->base, 1, 3 * ZP_MIB);
    unsigned before = arena_mappings();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = round % 2; i < 24; i += 2)
            zp_decommit(slots[i]);
        ck_assert_uint_le(arena_mappings(), before);
        for (unsigned i = round % 2; i < 24; i += 2) {
            ck_assert((slots[i] = arena_take_committed(3 * ZP_MIB))->packed);
            ck_assert(unit_is_zero(slots[i]->base, slots[i]->committed));
            memset(slots[i]->base, 1, slots[i]->committed);
        }
        ck_assert_uint_le(arena_mappings(), before);
    }
    zp_decommit(standalone[2]);
    ck_assert_ptr_eq(arena_take_committed(3 * ZP_MIB), standalone[2]);
    ck_assert(arena_take_committed(3 * ZP_MIB)->packed);
}
END_TEST

// Breaks when slots that cannot be packed take the program's last mappings.
START_TEST(slots_that_stand_alone_keep_to_their_mappings)
{
    arena_start((struct zp_arena_config){.reserve = 24 * ZP_GIB,
                                         .smallest = ZP_CLASS_MIN,
                                         .strict = _i == 0,
                                         .guarded = _i == 1,
                                         .mappings = 8});
    for (unsigned i = 0; i < 4; i++)
        arena_take_committed(i % 2 == 0 ? ZP_MIB : 3 * ZP_MIB);
    ck_assert_ptr_null(zp_arena_take(zp_arena_region_of(ZP_MIB)));
    ck_assert_ptr_null(zp_arena_take(zp_arena_region_of(3 * ZP_MIB)));
    zp_decommit(zp_arena.regions[zp_arena_region_of(ZP_MIB)].slots);
    arena_take_committed(ZP_MIB);
}
END_TEST

// Breaks when the seams of a buffer that was moved are not counted, or counted for ever.
START_TEST(seams_are_mappings)
{
    start_with_few_mappings();
    struct zp_slot *from = arena_take_committed(2 * ZP_MIB), *to = arena_take_committed(5 * ZP_MIB);
    from->seam_count = 3; // as if it had been moved so often; the new one is at its end
    zp_commit_add_seams(to, from);
    ck_assert_uint_eq(to->seam_count, 4);
    ck_assert(arena_take_committed(3 * ZP_MIB)->packed);
    ck_assert_int_eq(zp_commit_trim(to, 2 * ZP_MIB + unit_page()), 0);
    ck_assert_uint_eq(to->seam_count, 4);
    ck_assert_int_eq(zp_commit_trim(to, 2 * ZP_MIB), 0);
    ck_assert_uint_eq(to->seam_count, 3); // one was where the buffer ends now
    zp_decommit(to);
    ck_assert_uint_eq(to->seam_count, 0);
    ck_assert_ptr_eq(arena_take_committed(5 * ZP_MIB), to);
}
END_TEST

// ---- Guards ----------------------------------------------------------------------------------

static bool has_guards(void)
{
    char *page = mmap(NULL, unit_page(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    bool guards = madvise(page, unit_page(), MADV_GUARD_INSTALL) == 0;
    munmap(page, unit_page());
    return guards;
}

// Breaks when a packed buffer of 2 MiB and up does not end in an inaccessible page, after growing
// and shrinking too, or when that page stays inaccessible inside a later buffer.
START_TEST(packed_buffers_end_in_a_guard)
{
    if (!has_guards())
        return;
    start_with_few_mappings();
    struct zp_slot *slot = take_packed(3 * ZP_MIB);
    static const size_t steps[] = {3 * ZP_MIB, ZP_MIB, 2 * ZP_MIB, 3 * ZP_MIB - 4096, 4096};
    for (unsigned i = 0; i < 5; i++) {
        if (steps[i] < slot->committed)
            ck_assert_int_eq(zp_commit_trim(slot, steps[i]), 0);
        else
            ck_assert_int_eq(zp_commit(slot, steps[i]), 0);
        memset(slot->base, 1, steps[i]);
        ck_assert(!unit_is_readable(slot->base + steps[i]));
        ck_assert(slot->guard);
    }
    zp_decommit(slot);
    ck_assert(!slot->guard);
    ck_assert_ptr_eq(arena_take_committed(3 * ZP_MIB), slot);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    memset(slot->base, 1, slot->committed);
}
END_TEST

static int old_madvise(void *address, size_t length, int advice)
{
    if (advice != MADV_GUARD_INSTALL)
        return madvise(address, length, advice);
    errno = EINVAL;
    return -1;
}

// Breaks when a kernel without guard markers is more than their loss.
START_TEST(packed_buffers_do_without_guards)
{
    zp_os_calls.madvise = old_madvise;
    start_with_few_mappings();
    struct zp_slot *slot = take_packed(2 * ZP_MIB);
    ck_assert(!slot->guard);
    arena_overrun(slot);
    ck_assert_int_eq(zp_commit(slot, 2 * ZP_MIB + unit_page()), 0);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    ck_assert_int_eq(zp_commit_trim(slot, ZP_MIB), 0);
    ck_assert_uint_eq(slot->committed, ZP_MIB);
}
END_TEST

static int refused_advice;

static int refuse_advice(void *address, size_t length, int advice)
{
    if (advice != refused_advice)
        return madvise(address, length, advice);
    errno = ENOMEM;
    return -1;
}

static void *refuse_mmap(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset)
{
    (void)address, (void)length, (void)protection, (void)flags, (void)fd, (void)offset;
    errno = ENOMEM;
    return MAP_FAILED;
}

// Breaks when a refusal half-way through extending a packed slot shows old bytes or takes some of
// the buffer that is there; or when one call refused keeps it from growing.
START_TEST(a_packed_slot_that_cannot_grow_stays_as_it_was)
{
    start_with_few_mappings();
    size_t size = 2 * ZP_MIB + 4 * unit_page(), more = size + 8 * unit_page();
    struct zp_slot *slot = take_packed(size);
    memset(slot->base, 1, size);
    refused_advice = _i == 0 ? MADV_DONTNEED : MADV_GUARD_REMOVE;
    struct zp_os_calls working = zp_os_calls;
    zp_os_calls.madvise = refuse_advice;
    zp_os_calls.mmap = refuse_mmap;
    bool refused = _i == 0 || slot->guard;
    ck_assert_int_eq(zp_commit(slot, more), refused ? -ENOMEM : 0);
    if (refused) {
        ck_assert_uint_eq(slot->committed, size);
        zp_os_calls.mmap = working.mmap;
        ck_assert_int_eq(zp_commit(slot, more), 0);
    }
    ck_assert(unit_is_zero(slot->base + size, more - size));
    memset(slot->base + size, 1, more - size);
    for (size_t i = 0; i < more; i += unit_page())
        MUST(slot->base[i] == 1);
    zp_os_calls = working;
    ck_assert_int_eq(zp_commit_trim(slot, unit_page()), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, packed_slots_share_a_mapping);
    tcase_add_test(tests, large_slots_share_mappings_when_they_run_short);
    tcase_add_test(tests, runs_of_packed_slots_are_bounded);
    tcase_add_test(tests, runs_end_at_a_multiple);
    tcase_add_test(tests, packed_slots_are_used_again);
    tcase_add_loop_test(tests, slots_that_stand_alone_keep_to_their_mappings, 0, 2);
    tcase_add_test(tests, seams_are_mappings);
    tcase_add_test(tests, packed_buffers_end_in_a_guard);
    tcase_add_test(tests, packed_buffers_do_without_guards);
    tcase_add_loop_test(tests, a_packed_slot_that_cannot_grow_stays_as_it_was, 0, 2);
    return unit_run("packed", tests);
}
