// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/readonly.h"
#include "support.h"

static struct zp_slot *start_and_get(void)
{
    unit_pool_start_default();
    struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
    memset(slot->start, 0xA5, zp_slot_room(slot));
    return slot;
}

static int write_to(void *slot)
{
    ((struct zp_slot *)slot)->start[5] = 1;
    return 0;
}

static void expect_fault(struct zp_slot *slot)
{
    char text[256];
    int status = unit_in_child(write_to, slot, text, sizeof(text));
    ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0); // a sanitizer exits
}

// Breaks when a read-only buffer can be written to, or cannot after its last owner has gone.
START_TEST(the_last_reference_makes_it_writable)
{
    struct zp_slot *slot = start_and_get();
    uint32_t epoch = slot->epoch;
    ck_assert_int_eq(zp_readonly_begin(slot), 0);
    expect_fault(slot);
    zp_readonly_retain(slot);
    ck_assert(!zp_readonly_release(slot));
    ck_assert(slot->readonly);
    ck_assert_int_ne(slot->epoch, epoch);
    ck_assert(zp_readonly_release(slot));
    ck_assert(!slot->readonly);
    ck_assert_uint_eq(slot->epoch, epoch);
    unit_expect_success(write_to, slot);
}
END_TEST

// Breaks when puts of references are counted as puts of buffers, or the last one is not kept, zero.
START_TEST(puts_give_references_up)
{
    struct zp_slot *slot = start_and_get();
    ck_assert_int_eq(zp_readonly_begin(slot), 0);
    zp_readonly_retain(slot);
    ck_assert(!zp_pool_resize(slot, 8 * ZP_MIB));
    ck_assert(!zp_pool_resize(slot, ZP_MIB));
    ck_assert_ptr_null(zp_pool_move(slot, 8 * ZP_MIB));
    struct zp_pool_stats stats;
    zp_pool_put(slot->start);
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.live_buffers, 1);
    ck_assert_uint_eq(stats.counters.puts, 0);
    zp_pool_put(slot->start);
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.live_buffers, 0);
    ck_assert_uint_eq(stats.retained_bytes, slot->committed);
    ck_assert_ptr_eq(unit_get(4 * ZP_MIB), slot);
    ck_assert(zp_slot_is_zero(slot));
    ck_assert_int_eq(slot->start[ZP_MIB], 0);
}
END_TEST

static int refused(void *address, size_t length, int protection)
{
    (void)address, (void)length, (void)protection;
    errno = ENOMEM;
    return -1;
}

// Breaks when a buffer that the kernel does not make read-only or writable is kept, or half
// changed.
START_TEST(refusals_are_survived)
{
    struct zp_slot *slot = start_and_get();
    struct zp_os_calls calls = zp_os_calls;
    zp_os_calls.mprotect = refused;
    ck_assert_int_eq(zp_readonly_begin(slot), -ENOMEM);
    ck_assert(!slot->readonly);
    zp_os_calls = calls;
    ck_assert_int_eq(zp_readonly_begin(slot), 0);
    zp_os_calls.mprotect = refused;
    ck_assert(zp_readonly_release(slot));
    zp_os_calls = calls;
    ck_assert_int_eq(slot->mapping, ZP_MAPPING_CHANGED);
    zp_pool_put(slot->start);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained_bytes, 0);
    slot = unit_get_or_fail(4 * ZP_MIB);
    memset(slot->start, 1, zp_slot_room(slot));
}
END_TEST

// Breaks when what the program did to the mapping meanwhile is forgotten.
START_TEST(changes_of_the_mapping_are_remembered)
{
    struct zp_slot *slot = start_and_get();
    ck_assert_int_eq(zp_readonly_begin(slot), 0);
    zp_pool_note_marks(slot->start, 1);
    ck_assert(zp_readonly_release(slot));
    ck_assert_int_eq(slot->mapping, ZP_MAPPING_CHANGED);
    ck_assert_uint_eq(slot->epoch, ZP_EPOCH_NONE);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_last_reference_makes_it_writable);
    tcase_add_test(tests, puts_give_references_up);
    tcase_add_test(tests, refusals_are_survived);
    tcase_add_test(tests, changes_of_the_mapping_are_remembered);
    return unit_run("readonly", tests);
}
