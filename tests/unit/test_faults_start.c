// SPDX-License-Identifier: MIT OR Apache-2.0
//
// System calls that fail while the pool starts.

#include "faults.h"

// Breaks when a pool that got no addresses hands something out or claims to own something.
START_TEST(without_addresses_the_pool_is_off)
{
    fault_install();
    fault_begin(1u << MMAP, 1, ENOMEM);
    struct zp_pool_config config = unit_pool_config();
    errno = 4711;
    ck_assert_int_eq(zp_pool_init(&config), -ENOMEM);
    ck_assert_int_eq(errno, 4711);
    fault_end();
    ck_assert_ptr_null(unit_get(ZP_MIB));
    ck_assert(!zp_arena_owns(&config));
    ck_assert_uint_eq(zp_pool_trim(), 0);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained_bytes, 0);
}
END_TEST

// Breaks when a refused reservation is not tried again with half the size, or when the addresses of
// an attempt that went half way are not given back.
START_TEST(a_refused_reservation_is_halved)
{
    fault_install();
    // The shards, a reservation, its table of records: _i says which of the last two fails.
    fault_begin(1u << MMAP, (unsigned)_i + 1, ENOMEM);
    fault.most = 1;
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = 11 * ZP_GIB;
    ck_assert_int_eq(zp_pool_init(&config), 0);
    fault_end();
    ck_assert_uint_gt(fault_failures(), 0);
    ck_assert_uint_eq(zp_arena.size, (size_t)ZP_REGION_COUNT << 28);
    ck_assert_uint_le(fault.mapped, zp_arena.size + 16 * ZP_MIB); // that much for records
    struct zp_slot *slot = unit_get(ZP_MIB);
    ck_assert_ptr_nonnull(slot);
    zp_pool_put(slot->base);
}
END_TEST

static int large_mappings_refused;

static void *no_large_mmap(void *address, size_t length, int protection, int flags, int fd,
                           off_t offset)
{
    if (length > 6 * ZP_GIB) {
        large_mappings_refused++;
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return mmap(address, length, protection, flags, fd, offset);
}

// Breaks when reserving stops before a size the kernel grants.
START_TEST(reserving_goes_down_to_what_is_granted)
{
    zp_os_calls.mmap = no_large_mmap;
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = SIZE_MAX;
    ck_assert_int_eq(zp_pool_init(&config), 0);
    ck_assert_int_eq(large_mappings_refused, 12);
    ck_assert_uint_eq(zp_arena.size, (size_t)ZP_REGION_COUNT << 28);
}
END_TEST

// Breaks when addresses that could not be trimmed, or advice refused, keep the pool from starting.
START_TEST(optional_calls_at_start_may_fail)
{
    fault_install();
    fault_begin(1u << MUNMAP | 1u << MADVISE, 1, EPERM);
    unit_pool_start_default();
    fault_end();
    ck_assert_uint_gt(fault_failures(), 0);
    struct zp_slot *slot = unit_get(3 * ZP_MIB);
    ck_assert_ptr_nonnull(slot);
    memset(slot->base, 1, slot->usable);
    zp_pool_put(slot->base);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, without_addresses_the_pool_is_off);
    tcase_add_loop_test(tests, a_refused_reservation_is_halved, 1, 3);
    tcase_add_test(tests, reserving_goes_down_to_what_is_granted);
    tcase_add_test(tests, optional_calls_at_start_may_fail);
    return unit_run("faults_start", tests);
}
