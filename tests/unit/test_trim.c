// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/commit.h"
#include "core/trim.h"
#include "sleepers.h"

// Breaks when flushing loses a buffer or its charge.
START_TEST(a_flush_moves_the_cache_to_the_shards)
{
    unit_pool_start_default();
    struct zp_slot *one = unit_get_or_fail(ZP_MIB), *two = unit_get_or_fail(3 * ZP_MIB);
    zp_pool_put(one->base);
    zp_pool_put(two->base);
    zp_pool_flush();
    ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), 0);
    ck_assert_uint_eq(zp_thread_cache->granted, 0);
    ck_assert_uint_eq(zp_shards_bytes(), 4 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    zp_pool_flush();
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    ck_assert_ptr_eq(unit_get(3 * ZP_MIB), two);
    ck_assert_ptr_eq(unit_get(ZP_MIB), one);
}
END_TEST

// Breaks when trimming leaves memory behind, counts it wrongly, or takes what the program still
// has.
START_TEST(a_trim_gives_everything_back)
{
    unit_pool_start_default();
    struct zp_slot *live = unit_get_or_fail(ZP_MIB), *slots[6];
    memset(live->base, 0xA5, ZP_MIB);
    for (unsigned i = 0; i < 6; i++) {
        slots[i] = unit_get_or_fail((i + 1) * ZP_MIB);
        memset(slots[i]->base, 1, slots[i]->usable);
    }
    for (unsigned i = 0; i < 6; i++)
        zp_pool_put(slots[i]->base);
    ck_assert_uint_eq(zp_pool_trim(), 21 * ZP_MIB);
    ck_assert_uint_eq(zp_pool_trim(), 0);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(unit_resident_pages(slots[i]->base, (i + 1) * ZP_MIB), 0);
    ck_assert_uint_eq(unit_resident_pages(live->base, ZP_MIB), ZP_MIB / unit_page());
    ck_assert_int_eq(live->base[0], (char)0xA5);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained_bytes, 0);
    ck_assert_uint_eq(stats.retained_peak_bytes, 21 * ZP_MIB);
    ck_assert_uint_eq(stats.live_bytes, ZP_MIB);
    ck_assert_uint_eq(stats.live_buffers, 1);
}
END_TEST

// Breaks when a trim leaves the charge for a tail behind, or ends that of a buffer in use.
START_TEST(a_trim_takes_the_tails_of_what_is_retained)
{
    unit_pool_start_default();
    struct zp_slot *slots[2];
    for (unsigned i = 0; i < 2; i++)
        slots[i] = unit_get_or_fail(5 * ZP_MIB);
    for (unsigned i = 0; i < 2; i++)
        unit_put_written(slots[i]);
    zp_pool_flush();
    for (unsigned i = 0; i < 2; i++)
        slots[i] = unit_get_or_fail(9 * ZP_MIB / 2);
    ck_assert_uint_eq(zp_budget_tails(), ZP_MIB);
    unit_put_written(slots[0]);
    ck_assert_int_eq(slots[0]->state, ZP_SLOT_CACHED);
    ck_assert_uint_eq(zp_pool_trim(), 5 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_tails(), ZP_MIB / 2);
    ck_assert_uint_eq(zp_budget_used(), ZP_MIB / 2);
    zp_pool_put(slots[1]->base);
    ck_assert_uint_eq(zp_pool_trim(), 5 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// ---- The caches of other threads -------------------------------------------------------------

static size_t retained(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    return stats.retained_bytes;
}

// A slow way that leaves nothing behind: a request that no region of this arena serves.
static void pass_by(void)
{
    MUST(unit_get(ZP_CLASS_MAX) == NULL);
}

static void must_be_at_rest(struct zp_slot *slot)
{
    MUST(slot->state != ZP_SLOT_LIVE && slot->state != ZP_SLOT_TAKEN);
}

static int refuse_barrier(int command)
{
    (void)command;
    errno = ENOSYS;
    return -1;
}

// Breaks when what sleeping threads hold does not go back by a trim, or by age; or when it does
// although there is no barrier, which would be a race.
START_TEST(idle_caches_are_emptied)
{
    bool by_age = _i & 1, barrier = (_i & 2) == 0;
    unit_pool_start_default();
    if (!barrier)
        zp_os_calls.membarrier = refuse_barrier;
    start_sleepers();
    ck_assert_uint_eq(zp_budget_used(), SLEEPERS * 2 * ZP_MIB);
    errno = 4711;
    if (by_age) {
        unit_let_pass(5000);
        pass_by();
        ck_assert_uint_eq(retained(), SLEEPERS * 2 * ZP_MIB);
        for (unsigned i = 0; i < 8; i++) {
            unit_let_pass(15000);
            pass_by();
        }
    } else {
        ck_assert_uint_eq(zp_pool_trim(), barrier ? SLEEPERS * 2 * ZP_MIB : 0);
    }
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(retained(), barrier ? 0 : SLEEPERS * 2 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), retained());
    end_sleepers();
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    zp_arena_visit(must_be_at_rest);
}
END_TEST

// ---- No memory -------------------------------------------------------------------------------

static struct {
    size_t room; // bytes that may be made accessible; more is refused as the kernel does
    unsigned refusals;
} memory;

// As if there were a limit on accessible memory.
static int limited_mprotect(void *address, size_t length, int protection)
{
    if (zp_arena_owns(address) && (protection & PROT_WRITE) != 0 &&
        zp_commit_bytes() + length > memory.room) {
        memory.refusals++;
        errno = ENOMEM;
        return -1;
    }
    return mprotect(address, length, protection);
}

// Breaks when a request fails for want of memory while the pool sits on some, in shards, in the own
// cache or in those of others; or when one that fails all the same costs a buffer or a slot.
START_TEST(no_memory_empties_the_pool)
{
    struct zp_pool_config config = unit_pool_config();
    if (_i == 0)
        config.thread_cache_most = 0;
    unit_pool_start(&config);
    zp_os_calls.mprotect = limited_mprotect;
    memory.room = 30 * ZP_MIB;
    struct zp_slot *slots[12];
    if (_i == 2)
        start_sleepers(); // 24 MiB
    for (unsigned i = 0; i < 12 && _i != 2; i++)
        slots[i] = unit_get_or_fail(2 * ZP_MIB);
    for (unsigned i = 0; i < 12 && _i != 2; i++)
        unit_put_written(slots[i]);
    ck_assert_uint_eq(memory.refusals, 0);
    errno = 4711;
    struct zp_slot *large = zp_pool_get(20 * ZP_MIB, 1);
    ck_assert_ptr_nonnull(large);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(memory.refusals, 1);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(unit_counters().refused, 0);
    memset(large->base, 1, large->usable);
    for (unsigned i = 0; i < 3; i++) // not to be had, however empty the pool
        ck_assert_ptr_null(zp_pool_get(12 * ZP_MIB, 1));
    zp_pool_put(large->base);
    ck_assert_ptr_nonnull(zp_pool_get(28 * ZP_MIB, 1));
    if (_i == 2) {
        memory.room = SIZE_MAX;
        end_sleepers();
    }
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_flush_moves_the_cache_to_the_shards);
    tcase_add_test(tests, a_trim_gives_everything_back);
    tcase_add_test(tests, a_trim_takes_the_tails_of_what_is_retained);
    tcase_add_loop_test(tests, idle_caches_are_emptied, 0, 4);
    tcase_add_loop_test(tests, no_memory_empties_the_pool, 0, 3);
    return unit_run("trim", tests);
}
