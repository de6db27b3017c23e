// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Moving the pages of a buffer to another slot, on an arena alone.

#include "core/commit.h"
#include "core/resize.h"
#include "marks.h"

#include <stdarg.h>

static const struct marks marks = {4242, 1};

static void start(bool huge_pages)
{
    struct zp_arena_config config = {.reserve = 24 * ZP_GIB, .smallest = ZP_CLASS_MIN};
    config.huge_pages = huge_pages ? ZP_HUGE_ALL : ZP_HUGE_NONE;
    ck_assert_int_eq(zp_arena_init(&config), 0);
}

static struct zp_slot *take(size_t size)
{
    struct zp_slot *slot = zp_arena_take(zp_arena_region_of(size));
    ck_assert_ptr_nonnull(slot);
    return slot;
}

// The slot that a buffer which grows to `size` bytes will move to: one for twice as many.
static struct zp_slot *next_target(size_t size)
{
    struct zp_slot *slot = take(2 * size);
    zp_arena_put_back(slot);
    return slot;
}

// A live buffer of marked pages.
static struct zp_slot *take_marked(size_t size)
{
    struct zp_slot *slot = take(size);
    ck_assert_int_eq(zp_commit(slot, size), 0);
    slot->usable = slot->committed;
    marks_write(&marks, slot->base, 0, slot->usable);
    zp_slot_step(slot, ZP_SLOT_LIVE);
    return slot;
}

// Moves a buffer; the new slot is LIVE then. NULL if it does not move.
static struct zp_slot *move(struct zp_slot *from, size_t size)
{
    errno = 4711;
    struct zp_slot *to = zp_resize_move(from, size);
    ck_assert_int_eq(errno, 4711);
    if (to != NULL)
        zp_slot_step(to, ZP_SLOT_LIVE);
    return to;
}

static struct zp_slot *move_or_fail(struct zp_slot *from, size_t size)
{
    struct zp_slot *to = move(from, size);
    ck_assert_ptr_nonnull(to);
    return to;
}

static void must_not_move(struct zp_slot *from, size_t size)
{
    const struct zp_slot *target = next_target(size);
    ck_assert_ptr_null(move(from, size));
    ck_assert_int_eq(from->state, ZP_SLOT_LIVE);
    ck_assert_int_eq(target->state, ZP_SLOT_COLD);
}

static const size_t sizes[] = {ZP_CLASS_MIN, ZP_MIB, 2 * ZP_MIB, 5 * ZP_MIB};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

// Breaks when a moved buffer is not whole, what is added to it is not zero, or its old slot keeps
// memory; from both layouts, with small and huge pages.
START_TEST(a_buffer_moves_whole)
{
    start(_i % 2 == 1);
    size_t size = sizes[_i / 2], bytes = 12 * ZP_MIB + 5;
    struct zp_slot *from = take_marked(size);
    from->epoch = 77;
    size_t resident = unit_resident_pages(from->base, size);
    struct zp_slot *to = move_or_fail(from, bytes);
    ck_assert_ptr_eq(to, zp_arena_slot(to->base));
    ck_assert_uint_ge(zp_arena_capacity(to), 2 * bytes); // the next step needs no move
    ck_assert_uint_eq(to->usable, to->committed);
    ck_assert_uint_eq(to->committed, zp_round_up(bytes, unit_page()));
    ck_assert_uint_eq(to->epoch, 77); // pages shared with another process stay shared
    // Before anything is read: the pages came along, and nothing else did.
    ck_assert_uint_eq(unit_resident_pages(to->base, size), resident);
    ck_assert_uint_eq(unit_resident_pages(to->base + size, to->committed - size), 0);
    marks_check(&marks, to->base, size, 0);
    ck_assert(unit_is_zero(to->base + size, to->committed - size));
    memset(to->base, 1, to->committed);

    ck_assert_int_eq(from->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(from->committed, 0);
    ck_assert_uint_eq(zp_commit_bytes(), to->committed);
    ck_assert_ptr_eq(take(size), from);
    ck_assert_int_eq(zp_commit(from, size), 0);
    ck_assert(zp_slot_is_zero(from) && unit_is_zero(from->base, size));
}
END_TEST

// Breaks when a buffer moved before, which is several mappings, loses a piece at the next move, or
// when the number of its mappings has no bound.
START_TEST(a_buffer_moves_many_times)
{
    start(false);
    struct zp_slot *slot = take_marked(2 * ZP_MIB);
    unsigned before = unit_mappings(), moves = 0;
    for (size_t bytes = 3 * ZP_MIB;; bytes += ZP_MIB, moves++) {
        struct zp_slot *to = move(slot, bytes);
        if (to == NULL)
            break;
        ck_assert_uint_eq(to->seam_count, moves + 1);
        marks_check(&marks, to->base, bytes - ZP_MIB, 0);
        marks_check_none(to->base, bytes - ZP_MIB, bytes, 1);
        marks_write(&marks, to->base, bytes - ZP_MIB, bytes);
        slot = to;
    }
    ck_assert_uint_eq(moves, ZP_SLOT_SEAMS);
    ck_assert_uint_le(unit_mappings(), before + 2 * ZP_SLOT_SEAMS + 2);
    // Refused, it is still whole; decommitted, it is one mapping again, and can move as before.
    marks_check(&marks, slot->base, slot->committed, 0);
    zp_slot_step(slot, ZP_SLOT_TAKEN);
    zp_decommit(slot);
    ck_assert_uint_eq(slot->seam_count, 0);
    struct zp_slot *again = take_marked(zp_arena_capacity(slot));
    ck_assert_ptr_eq(again, slot);
    move_or_fail(again, 64 * ZP_MIB);
}
END_TEST

// Breaks when a shrunk buffer keeps seams behind its end: the next move would go astray.
START_TEST(shrinking_forgets_seams)
{
    start(false);
    struct zp_slot *to = move_or_fail(take_marked(2 * ZP_MIB), 8 * ZP_MIB);
    ck_assert_uint_eq(to->seam_count, 1);
    ck_assert_int_eq(zp_commit_trim(to, 3 * ZP_MIB), 0);
    ck_assert_uint_eq(to->seam_count, 1);
    ck_assert_int_eq(zp_commit_trim(to, 2 * ZP_MIB), 0);
    ck_assert_uint_eq(to->seam_count, 0);
    struct zp_slot *slot = move_or_fail(to, 20 * ZP_MIB);
    marks_check(&marks, slot->base, 2 * ZP_MIB, 0);
    ck_assert(unit_is_zero(slot->base + 2 * ZP_MIB, 18 * ZP_MIB));
}
END_TEST

// Breaks when a target that cannot be moved into is lost, or the buffer touched: one that is
// packed, and one that the kernel has left accessible.
START_TEST(unfit_targets_are_put_back)
{
    start(false);
    struct zp_slot *from = take_marked(ZP_CLASS_MIN);
    must_not_move(from, ZP_MIB / 2);
    struct zp_slot *committed = take(8 * ZP_MIB);
    ck_assert_int_eq(zp_commit(committed, 8 * ZP_MIB), 0);
    zp_arena_put_back(committed);
    must_not_move(from, 4 * ZP_MIB);
    marks_check(&marks, from->base, ZP_CLASS_MIN, 0);
}
END_TEST

// Breaks when a buffer whose mapping the program changed takes that along to a slot where nobody
// knows of it.
START_TEST(changed_buffers_do_not_move)
{
    start(false);
    struct zp_slot *from = take_marked(ZP_MIB);
    zp_slot_note_change(from);
    must_not_move(from, 4 * ZP_MIB);
    marks_check(&marks, from->base, ZP_MIB, 0);
}
END_TEST

// ---- Failing calls ---------------------------------------------------------------------------

static unsigned moves_until_failure;

static void *failing_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    void *to = va_arg(arguments, void *);
    va_end(arguments);
    if (moves_until_failure-- == 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return mremap(from, length, new_length, flags, to);
}

// Breaks when a move that fails half-way leaves some pages at the new place, or the target unfit
// for use.
START_TEST(a_failed_move_is_undone)
{
    start(false);
    struct zp_slot *slot = take_marked(2 * ZP_MIB);
    for (size_t bytes = 3 * ZP_MIB; bytes < 6 * ZP_MIB; bytes += ZP_MIB) {
        slot = move_or_fail(slot, bytes);
        marks_write(&marks, slot->base, bytes - ZP_MIB, bytes);
    }
    ck_assert_uint_eq(slot->seam_count, 3);
    zp_os_calls.mremap = failing_mremap;
    moves_until_failure = (unsigned)_i; // four mappings
    struct zp_slot *to = next_target(12 * ZP_MIB);
    must_not_move(slot, 12 * ZP_MIB);
    ck_assert_uint_eq(slot->committed, 5 * ZP_MIB);
    marks_check(&marks, slot->base, slot->committed, 0);
    memset(slot->base, 1, slot->committed);
    ck_assert_ptr_eq(take(24 * ZP_MIB), to);
    ck_assert_int_eq(zp_commit(to, 12 * ZP_MIB), 0);
    ck_assert(unit_is_zero(to->base, 12 * ZP_MIB));
    memset(to->base, 1, 12 * ZP_MIB);
}
END_TEST

static int refuse_mprotect(void *address, size_t length, int protection)
{
    (void)address;
    (void)length;
    (void)protection;
    errno = ENOMEM;
    return -1;
}

static void *refuse_mmap(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset)
{
    (void)address;
    (void)length;
    (void)protection;
    (void)flags;
    (void)fd;
    (void)offset;
    errno = ENOMEM;
    return MAP_FAILED;
}

// Breaks when a target that could not be committed is handed out later as if it had been: at the
// limit of mappings, mprotect and mmap are refused together.
START_TEST(a_target_that_is_not_committed_is_put_back_as_it_was)
{
    start(false);
    struct zp_slot *from = take_marked(ZP_MIB), *to = next_target(4 * ZP_MIB);
    struct zp_os_calls working = zp_os_calls;
    zp_os_calls.mprotect = refuse_mprotect;
    zp_os_calls.mmap = refuse_mmap;
    must_not_move(from, 4 * ZP_MIB);
    zp_os_calls = working;
    marks_check(&marks, from->base, ZP_MIB, 0);
    ck_assert_ptr_eq(take(8 * ZP_MIB), to);
    ck_assert_int_eq(zp_commit(to, 4 * ZP_MIB), 0);
    memset(to->base, 1, 4 * ZP_MIB);
}
END_TEST

// The same when the pages do not move, and what was committed cannot be closed again.
START_TEST(a_target_that_cannot_be_closed_is_still_usable)
{
    start(false);
    struct zp_slot *middle = move_or_fail(take_marked(2 * ZP_MIB), 3 * ZP_MIB);
    marks_write(&marks, middle->base, 2 * ZP_MIB, 3 * ZP_MIB);
    struct zp_slot *to = next_target(6 * ZP_MIB);
    struct zp_os_calls working = zp_os_calls;
    zp_os_calls.mremap = failing_mremap;
    zp_os_calls.mmap = refuse_mmap;
    moves_until_failure = 1; // of two
    must_not_move(middle, 6 * ZP_MIB);
    zp_os_calls = working;
    marks_check(&marks, middle->base, 3 * ZP_MIB, 0);
    ck_assert_ptr_eq(take(12 * ZP_MIB), to);
    ck_assert_int_eq(zp_commit(to, 6 * ZP_MIB), 0);
    ck_assert(unit_is_zero(to->base, 6 * ZP_MIB));
    memset(to->base, 1, 6 * ZP_MIB);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, a_buffer_moves_whole, 0, 2 * SIZES);
    tcase_add_test(tests, a_buffer_moves_many_times);
    tcase_add_test(tests, shrinking_forgets_seams);
    tcase_add_test(tests, unfit_targets_are_put_back);
    tcase_add_test(tests, changed_buffers_do_not_move);
    tcase_add_loop_test(tests, a_failed_move_is_undone, 0, 4);
    tcase_add_test(tests, a_target_that_is_not_committed_is_put_back_as_it_was);
    tcase_add_test(tests, a_target_that_cannot_be_closed_is_still_usable);
    return unit_run("resize_move", tests);
}
