// SPDX-License-Identifier: MIT OR Apache-2.0
//
// When what is retained is marked as reclaimable, and what comes of it, by a clock that the tests
// move.

#include "core/reclaim.h"
#include "retained.h"

// Calls of MADV_FREE.
static struct {
    unsigned calls;
    size_t bytes;
    void *last;
    int error; // to answer with
} marks_seen;

static int (*real_madvise)(void *address, size_t length, int advice);

static int note_madvise(void *address, size_t length, int advice)
{
    if (advice != MADV_FREE)
        return real_madvise(address, length, advice);
    marks_seen.calls++;
    marks_seen.bytes += length;
    marks_seen.last = address;
    if (marks_seen.error != 0) {
        errno = marks_seen.error;
        return -1;
    }
    return real_madvise(address, length, advice);
}

static void watch_marks(void)
{
    real_madvise = zp_os_calls.madvise;
    zp_os_calls.madvise = note_madvise;
}

// Breaks when what lies in huge pages is not marked the moment it enters a shard, or more of it is
// than that, or it is marked in a thread's cache already.
START_TEST(huge_parts_are_marked_at_once)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.huge_pages = ZP_HUGE_ALL;
    config.thread_cache_most = 1;
    unit_pool_start(&config);
    watch_marks();
    struct zp_slot *slots[2] = {unit_get_or_fail(5 * ZP_MIB), unit_get_or_fail(3 * ZP_MIB)};
    unit_put_written(slots[0]);
    ck_assert_uint_eq(marks_seen.calls, 0);
    unit_put_written(slots[1]); // drives the other out into a shard
    ck_assert_uint_eq(marks_seen.calls, 1);
    ck_assert_ptr_eq(marks_seen.last, slots[0]->base);
    ck_assert_uint_eq(marks_seen.bytes, 4 * ZP_MIB);
    ck_assert_int_eq(slots[0]->reclaimable, ZP_RECLAIMABLE_HUGE);
    ck_assert_int_eq(slots[1]->reclaimable, ZP_RECLAIMABLE_NONE);
}
END_TEST

// Breaks when small pages are marked while they may be wanted back at once, when they are not
// marked once idle, or when they are marked again and again.
START_TEST(small_pages_are_marked_only_when_idle)
{
    struct zp_pool_config config = uncached();
    unit_pool_start(&config);
    watch_marks();
    struct zp_slot *slots[3];
    use_many(slots, 3, ZP_MIB);
    struct zp_slot *large = unit_get_or_fail(5 * ZP_MIB);
    unit_put_written(large);
    ck_assert_uint_eq(marks_seen.calls, 0);
    unit_let_pass(900);
    pass_by();
    ck_assert_uint_eq(marks_seen.calls, 0);
    unit_let_pass(2000);
    pass_by();
    ck_assert_uint_eq(marks_seen.calls, 4);
    ck_assert_uint_eq(marks_seen.bytes, 8 * ZP_MIB);
    ck_assert_int_eq(large->reclaimable, ZP_RECLAIMABLE_ALL);
    for (unsigned i = 0; i < 4; i++) {
        unit_let_pass(1000);
        pass_by();
    }
    ck_assert_uint_eq(marks_seen.calls, 4);
    ck_assert_uint_eq(retained(), 8 * ZP_MIB);
    // One that comes back and goes again has to wait again.
    struct zp_slot *again = unit_get_or_fail(5 * ZP_MIB);
    ck_assert_ptr_eq(again, large);
    ck_assert_int_eq(again->reclaimable, ZP_RECLAIMABLE_NONE);
    ck_assert(unit_is_zero(again->base, again->usable));
    unit_put_written(again);
    ck_assert_uint_eq(marks_seen.calls, 4);
    unit_let_pass(1500);
    pass_by();
    ck_assert_uint_eq(marks_seen.calls, 5);
    ck_assert_ptr_eq(marks_seen.last, large->base);
}
END_TEST

// Breaks when a marked buffer whose pages the kernel has taken, some or all, is not zero, or not
// usable, or is thought to be in memory.
START_TEST(what_the_kernel_took_is_zero)
{
    struct zp_pool_config config = uncached();
    unit_pool_start(&config);
    struct zp_slot *slots[2];
    use_many(slots, 2, 3 * ZP_MIB);
    unit_let_pass(1500);
    pass_by();
    ck_assert_int_eq(slots[0]->reclaimable, ZP_RECLAIMABLE_ALL);
    for (unsigned i = 0; i < 2; i++) // as the kernel does: page by page, of its own accord
        madvise(slots[i]->base + i * ZP_MIB, ZP_MIB, MADV_DONTNEED);
    for (unsigned i = 0; i < 2; i++) {
        struct zp_slot *slot = unit_get_or_fail(3 * ZP_MIB);
        ck_assert(zp_slot_is_zero(slot) && !(slot->content == ZP_CONTENT_RESIDENT));
        ck_assert(unit_is_zero(slot->base, slot->usable));
        unit_put_written(slot);
        slot = unit_get_or_fail(3 * ZP_MIB);
        ck_assert(unit_is_zero(slot->base, slot->usable));
    }
}
END_TEST

// Breaks when marking changes which buffers leave next, or how old one is. CLOCK-Pro may let those
// that are marked leave in any order, before the others.
START_TEST(marking_leaves_the_order)
{
    struct zp_pool_config config = uncached();
    config.shards = 1;
    config.budget = 8 * ZP_MIB;
    config.eviction = _i == 0 ? &zp_eviction_lifo : &zp_eviction_clockpro;
    unit_pool_start(&config);
    struct zp_slot *slots[8], *large[3];
    for (unsigned i = 0; i < 8; i++)
        slots[i] = unit_get_or_fail(ZP_MIB);
    for (unsigned i = 0; i < 3; i++)
        large[i] = unit_get_or_fail(2 * ZP_MIB);
    for (unsigned i = 0; i < 4; i++)
        unit_put_written(slots[i]);
    unit_let_pass(1500);
    for (unsigned i = 4; i < 8; i++) // one of these calls marks the first four
        unit_put_written(slots[i]);
    ck_assert_int_eq(slots[0]->reclaimable, ZP_RECLAIMABLE_ALL);
    ck_assert_int_eq(slots[3]->reclaimable, ZP_RECLAIMABLE_ALL);
    ck_assert_int_eq(slots[7]->reclaimable, ZP_RECLAIMABLE_NONE);
    for (unsigned i = 0; i < 3; i++) { // each drives two out
        unit_put_written(large[i]);
        unsigned gone[2] = {0, 0}; // of those that are marked, and of the others
        for (unsigned j = 0; j < 8; j++) {
            bool cold = slots[j]->state == ZP_SLOT_COLD;
            ck_assert(_i == 1 || cold == (j < 2 * i + 2));
            gone[j / 4] += cold;
        }
        ck_assert_uint_eq(gone[0], i == 0 ? 2 : 4);
        ck_assert_uint_eq(gone[1], i == 2 ? 2 : 0);
    }
}
END_TEST

// Breaks when a kernel that does not know the advice is asked for ever, or buffers are lost or kept
// for ever there; or when the advice is given against the user's word.
START_TEST(without_the_advice_there_is_decay)
{
    struct zp_pool_config config = uncached();
    config.arena.huge_pages = ZP_HUGE_ALL;
    config.reclaim = _i != 3;
    unit_pool_start(&config);
    static const int errors[] = {EINVAL, EPERM, ENOSYS, 0};
    marks_seen.error = errors[_i];
    watch_marks();
    struct zp_slot *slots[6];
    errno = 4711;
    use_many(slots, 6, 4 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++) {
        unit_let_pass(1500);
        pass_by();
    }
    ck_assert_int_eq(errno, 4711);
    // EINVAL may be meant for the one buffer: fresh memory is tried once.
    ck_assert_uint_eq(marks_seen.calls, _i == 0 ? 2 : _i != 3);
    ck_assert_uint_eq(retained(), 24 * ZP_MIB);
    struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
    ck_assert((slot->content == ZP_CONTENT_RESIDENT) && unit_is_zero(slot->base, slot->usable));
    zp_pool_put(slot->base);
    unit_let_pass(20000);
    for (unsigned i = 0; i < 4; i++)
        pass_by();
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, huge_parts_are_marked_at_once);
    tcase_add_test(tests, small_pages_are_marked_only_when_idle);
    tcase_add_test(tests, what_the_kernel_took_is_zero);
    tcase_add_loop_test(tests, marking_leaves_the_order, 0, 2);
    tcase_add_loop_test(tests, without_the_advice_there_is_decay, 0, 4);
    return unit_run("reclaim_marks", tests);
}
