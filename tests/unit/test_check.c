// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is done about programs that corrupt their heap: with everything checked, and with nothing.

#define UNIT_FORKS

#include "core/quarantine.h"
#include "support.h"

static void start(size_t quarantine)
{
    struct zp_pool_config config = unit_pool_config();
    unit_check_fully(&config, quarantine);
    unit_pool_start(&config);
}

static struct zp_slot *get_or_fail(size_t size)
{
    struct zp_slot *slot = unit_get(size);
    ck_assert_ptr_nonnull(slot);
    return slot;
}

// A buffer that was used and is free.
static struct zp_slot *freed(size_t size)
{
    struct zp_slot *slot = get_or_fail(size);
    memset(slot->base, 1, slot->usable);
    zp_pool_put(slot->base);
    return slot;
}

static const size_t sizes[] = {64 * ZP_KIB, ZP_MIB, 2 * ZP_MIB, 5120000};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

// Breaks when a freed buffer can be touched at once, or is used again at once.
START_TEST(a_freed_buffer_is_inaccessible)
{
    start(32 * ZP_MIB);
    struct zp_slot *slot = freed(sizes[_i]);
    ck_assert_int_eq(slot->state, ZP_SLOT_QUARANTINED);
    ck_assert(!unit_is_readable(slot->base));
    ck_assert(!unit_is_readable(slot->base + slot->usable - 1));
    ck_assert_ptr_ne(get_or_fail(sizes[_i]), slot);
}
END_TEST

// Breaks when a buffer never leaves quarantine, leaves it inaccessible or with another content than
// zeros, or in another order.
START_TEST(quarantine_ends)
{
    start(3 * 5120000);
    struct zp_slot *slot = freed(sizes[_i]);
    while (slot->state == ZP_SLOT_QUARANTINED)
        freed(8 * ZP_MIB);
    ck_assert_int_eq(slot->state, ZP_SLOT_POOLED);
    ck_assert_ptr_eq(get_or_fail(sizes[_i]), slot);
    ck_assert(unit_is_zero(slot->base, slot->usable));
    memset(slot->base, 1, slot->usable);
    zp_pool_put(slot->base);
}
END_TEST

static int get_again(void *slot)
{
    unit_get(((struct zp_slot *)slot)->usable);
    return 0;
}

// Breaks when a write to a freed buffer goes unnoticed, or a wrong place is named.
START_TEST(a_late_write_is_found)
{
    start(3 * 5120000);
    struct zp_slot *slot = freed(sizes[_i]);
    while (slot->state == ZP_SLOT_QUARANTINED)
        freed(8 * ZP_MIB);
    size_t places[] = {0, 12345, slot->usable - 1};
    for (unsigned i = 0; i < 3; i++) {
        char expected[256];
        size_t shown = slot->usable - places[i] < 8 ? 1 : 8;
        snprintf(expected, sizeof(expected),
                 "zeropool: fatal: write after free at offset %zu of a buffer of %zu bytes: 7f%s "
                 "(pointer %p)",
                 places[i], slot->usable, shown == 8 ? " 00 00 00 00 00 00 00" : "",
                 (void *)slot->base);
        slot->base[places[i]] = 0x7f;
        unit_expect_fatal(get_again, slot, expected);
        slot->base[places[i]] = 0;
    }
    ck_assert_ptr_eq(get_or_fail(sizes[_i]), slot);
}
END_TEST

// Breaks when a buffer too large for the quarantine is kept there, or can still be touched after it
// was decommitted.
START_TEST(a_large_buffer_passes_by)
{
    start(ZP_MIB);
    struct zp_slot *slot = freed(2 * ZP_MIB);
    ck_assert_int_eq(slot->state, ZP_SLOT_POOLED);
    zp_pool_trim();
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert(!unit_is_readable(slot->base));
}
END_TEST

// Breaks when what is in quarantine is more than the budget, is not given back when that is asked
// for or it has been idle, or when others find no room for it.
START_TEST(quarantine_is_retained_memory)
{
    start(32 * ZP_MIB);
    for (size_t bytes = 0; bytes < 64 * ZP_MIB; bytes += sizes[_i])
        freed(sizes[_i]);
    ck_assert_uint_gt(zp_quarantine_bytes(), 32 * ZP_MIB - 8 * ZP_MIB);
    ck_assert_uint_le(zp_budget_used(), zp_budget_limit());
    freed(40 * ZP_MIB);
    ck_assert_uint_le(zp_budget_used(), zp_budget_limit());
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_quarantine_bytes(), 0);

    struct zp_slot *slot = freed(sizes[_i]);
    for (unsigned i = 0; i < 30; i++) {
        unit_let_pass(1000);
        get_again(&(struct zp_slot){.usable = 64 * ZP_MIB});
    }
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
}
END_TEST

// Breaks when a checked buffer ends behind what was asked for: an overrun would go unnoticed.
START_TEST(a_checked_buffer_has_no_tail)
{
    start(ZP_MIB);
    struct zp_slot *slot = freed(5 * ZP_MIB);
    ck_assert_int_eq(slot->state, ZP_SLOT_POOLED);
    ck_assert_ptr_eq(get_or_fail(9 * ZP_MIB / 2), slot);
    ck_assert_uint_eq(slot->usable, 9 * ZP_MIB / 2);
    ck_assert_uint_eq(slot->committed, slot->usable);
    ck_assert(unit_is_readable(slot->base + slot->usable - 1));
    ck_assert(!unit_is_readable(slot->base + slot->usable));
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

static int child(void *slot)
{
    if (zp_quarantine_bytes() != 0 || ((struct zp_slot *)slot)->state != ZP_SLOT_COLD)
        return 1;
    for (unsigned i = 0; i < 20; i++)
        freed(4 * ZP_MIB);
    return zp_quarantine_bytes() == 0;
}

// Breaks when a fork copies what is in quarantine, lets it be touched, or either side is stuck with
// it afterwards.
START_TEST(quarantine_survives_a_fork)
{
    start(16 * ZP_MIB);
    unit_watch_forks();
    struct zp_slot *slot = freed(3 * ZP_MIB);
    unit_expect_success(child, slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_QUARANTINED);
    ck_assert(!unit_is_readable(slot->base));
    while (slot->state == ZP_SLOT_QUARANTINED)
        freed(8 * ZP_MIB);
    ck_assert_ptr_eq(get_or_fail(3 * ZP_MIB), slot);
    ck_assert(unit_is_zero(slot->base, slot->usable));
}
END_TEST

static int refuse_protection(void *address, size_t length, int protection)
{
    (void)address;
    (void)length;
    (void)protection;
    errno = ENOMEM;
    return -1;
}

// Breaks when the kernel's refusal to close or open a buffer loses it, or hands out one that cannot
// be used.
START_TEST(refused_protection_is_coped_with)
{
    start(8 * ZP_MIB);
    int (*works)(void *, size_t, int) = zp_os_calls.mprotect;
    struct zp_slot *slot = get_or_fail(3 * ZP_MIB), *other = freed(6 * ZP_MIB);
    zp_os_calls.mprotect = refuse_protection;
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD); // it could not be closed
    zp_os_calls.mprotect = works;
    slot = freed(2 * ZP_MIB);
    ck_assert_int_eq(other->state, ZP_SLOT_QUARANTINED);
    struct zp_slot *third = get_or_fail(5 * ZP_MIB);
    zp_os_calls.mprotect = refuse_protection;
    zp_pool_put(third->base);
    zp_os_calls.mprotect = works;
    freed(5 * ZP_MIB);
    ck_assert_int_eq(other->state, ZP_SLOT_POOLED);
    ck_assert_ptr_ne(get_or_fail(3 * ZP_MIB), NULL);
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

static int refuse_mmap_calls;

static void *refuse_mmap(void *address, size_t length, int protection, int flags, int file,
                         off_t offset)
{
    (void)address, (void)length, (void)protection, (void)flags, (void)file, (void)offset;
    refuse_mmap_calls++;
    errno = ENOMEM;
    return MAP_FAILED;
}

// Breaks when a buffer that the kernel has no mapping for to take it back is used again as it was
// in quarantine.
START_TEST(what_cannot_be_replaced_is_not_used_again)
{
    start(32 * ZP_MIB);
    struct zp_slot *slot = freed(sizes[_i]);
    void *(*real_mmap)(void *, size_t, int, int, int, off_t) = zp_os_calls.mmap;
    zp_os_calls.mmap = refuse_mmap;
    zp_pool_trim();
    zp_os_calls.mmap = real_mmap;
    ck_assert_int_gt(refuse_mmap_calls, 0);
    ck_assert_int_ne(slot->state, ZP_SLOT_QUARANTINED);
    struct zp_slot *again = get_or_fail(sizes[_i]);
    ck_assert(unit_is_readable(again->base));
    memset(again->base, 1, again->usable);
}
END_TEST

// Breaks when with checks off anything at all is done about a pointer that is no live buffer.
START_TEST(with_checks_off_nothing_happens)
{
    struct zp_pool_config config = unit_pool_config();
    config.check = ZP_CHECK_OFF;
    unit_pool_start(&config);
    struct zp_slot *slot = get_or_fail(2 * ZP_MIB);
    char *base = slot->base;
    zp_pool_put(base + 4096);
    ck_assert_int_eq(slot->state, ZP_SLOT_LIVE);
    zp_pool_put(base);
    size_t used = zp_budget_used();
    zp_pool_put(base);
    ck_assert_uint_eq(zp_budget_used(), used);
    ck_assert_ptr_null(zp_pool_slot(base, "realloc"));
    ck_assert_ptr_eq(get_or_fail(2 * ZP_MIB), slot);
    ck_assert_ptr_ne(get_or_fail(2 * ZP_MIB), slot);
}
END_TEST

static unsigned some_frames(void **frames, unsigned most)
{
    (void)most;
    frames[0] = (void *)0x10;
    frames[1] = (void *)0x20;
    return 2;
}

static void *freed_by;

static __attribute__((noinline)) struct zp_slot *free_here(size_t size)
{
    struct zp_slot *slot = get_or_fail(size);
    freed_by = __builtin_return_address(0);
    zp_pool_put_for(slot->base, freed_by);
    return slot;
}

// Breaks when it is not known where a buffer was freed, by whichever way it went, with a stack or
// without one, or that is lost before its next owner frees it.
START_TEST(where_it_was_freed_is_known)
{
    static const struct zp_unwinder unwinder = {.capture = some_frames};
    bool stacks = _i >= 2;
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = _i % 2 == 0;
    config.arena.stacks = stacks;
    zp_stack_init(&unwinder, stacks);
    unit_pool_start(&config);
    for (unsigned round = 0; round < 3; round++) {
        struct zp_stack stack = zp_arena_freed(free_here(ZP_MIB));
        ck_assert_ptr_eq(stack.frames[0], stacks ? (void *)0x10 : freed_by);
        ck_assert_ptr_eq(stack.frames[1], stacks ? (void *)0x20 : NULL);
    }
    if (stacks) { // moving its pages away frees a buffer, too
        struct zp_slot *grown = get_or_fail(2 * ZP_MIB);
        ck_assert_ptr_nonnull(zp_pool_move(grown, 9 * ZP_MIB));
        ck_assert_ptr_eq(zp_arena_freed(grown).frames[0], (void *)0x10);
    }
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, a_freed_buffer_is_inaccessible, 0, SIZES);
    tcase_add_loop_test(tests, quarantine_ends, 0, SIZES);
    tcase_add_loop_test(tests, a_late_write_is_found, 0, SIZES);
    tcase_add_test(tests, a_large_buffer_passes_by);
    tcase_add_loop_test(tests, quarantine_is_retained_memory, 0, SIZES);
    tcase_add_test(tests, a_checked_buffer_has_no_tail);
    tcase_add_test(tests, quarantine_survives_a_fork);
    tcase_add_test(tests, refused_protection_is_coped_with);
    tcase_add_loop_test(tests, what_cannot_be_replaced_is_not_used_again, 0, SIZES);
    tcase_add_test(tests, with_checks_off_nothing_happens);
    tcase_add_loop_test(tests, where_it_was_freed_is_known, 0, 4);
    return unit_run("check", tests);
}
