// SPDX-License-Identifier: MIT OR Apache-2.0

#define UNIT_FORKS
#include "core/commit.h"
#include "core/helper.h"
#include "core/prewarm.h"
#include "support.h"

static struct zp_pool_config config;
static struct zp_prewarm list[2];

static void list_buffers(struct zp_prewarm first, struct zp_prewarm second)
{
    config = unit_pool_config();
    list[0] = first;
    list[1] = second;
    config.prewarm = (struct zp_prewarm_config){.list = list, .count = 2};
}

// ---- Prewarming ------------------------------------------------------------------------------

static bool prewarming_has_ended(void)
{
    return !zp_prewarm_pending();
}

static void start_prewarming(void)
{
    unit_pool_start(&config);
    zp_pool_prewarm();
    usleep(10000);
    ck_assert_uint_eq(zp_commit_bytes(), 0); // a short-lived program is spared
    unit_let_pass(100);
    ck_assert(unit_comes_true(prewarming_has_ended));
    zp_helper_pause(); // its last part is done
    zp_helper_resume();
}

static void prewarm(struct zp_prewarm first, struct zp_prewarm second)
{
    list_buffers(first, second);
    start_prewarming();
}

// Breaks when a prewarmed buffer is not there, not zero or not in memory, by either way of
// touching.
START_TEST(prewarmed_buffers_are_ready)
{
    zp_os_calls.clock = unit_clock;
    prewarm((struct zp_prewarm){20 * ZP_MIB, 1}, (struct zp_prewarm){ZP_MIB + 5, 3});
    size_t small = zp_round_up(ZP_MIB + 5, unit_page());
    ck_assert_uint_eq(zp_shards_bytes(), 20 * ZP_MIB + 3 * small);
    ck_assert_uint_eq(zp_budget_used(), zp_shards_bytes());
    for (unsigned i = 0; i < 4; i++) {
        struct zp_slot *slot = unit_get(i == 0 ? 20 * ZP_MIB : ZP_MIB + 5);
        ck_assert(zp_slot_is_zero(slot));
        ck_assert_uint_eq(unit_resident_pages(slot->base, slot->committed),
                          slot->committed / unit_page());
        ck_assert(unit_is_zero(slot->base, slot->committed));
        zp_pool_put(slot->base);
    }
    ck_assert_uint_eq(unit_counters().fresh, 0);
    ck_assert_uint_eq(unit_counters().shard_hits + unit_counters().thread_hits, 4);
}
END_TEST

static int refuse_populate(void *address, size_t length, int advice)
{
    if (advice == MADV_POPULATE_WRITE) { // Linux 5.14
        errno = EINVAL;
        return -1;
    }
    return madvise(address, length, advice);
}

START_TEST(prewarming_on_an_old_kernel)
{
    zp_os_calls.madvise = refuse_populate;
    prewarm((struct zp_prewarm){5 * ZP_MIB, 1}, (struct zp_prewarm){ZP_MIB, 1});
    struct zp_slot *slot = unit_get(5 * ZP_MIB);
    ck_assert_uint_eq(unit_resident_pages(slot->base, slot->committed),
                      slot->committed / unit_page());
    ck_assert_uint_eq(unit_counters().fresh, 0);
}
END_TEST

// Breaks when prewarming goes beyond the budget, or fails in another way than by ending.
START_TEST(prewarming_ends_with_the_budget)
{
    prewarm((struct zp_prewarm){14 * ZP_MIB, 4}, (struct zp_prewarm){5 * ZP_MIB, 3});
    ck_assert_uint_eq(zp_shards_bytes(), 61 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 61 * ZP_MIB);
}
END_TEST

START_TEST(prewarming_what_cannot_be_had)
{
    prewarm((struct zp_prewarm){64 * ZP_GIB, 1}, (struct zp_prewarm){2 * ZP_MIB, 1});
    ck_assert_uint_eq(zp_shards_bytes(), 0);
}
END_TEST

// Breaks when buffers are made ready that the program, having come too early, has fetched itself.
START_TEST(what_the_program_fetched_is_not_made_ready)
{
    list_buffers((struct zp_prewarm){5 * ZP_MIB, 2}, (struct zp_prewarm){3 * ZP_MIB, 2});
    unit_pool_start(&config);
    struct zp_slot *early[] = {unit_get(5 * ZP_MIB), unit_get(3 * ZP_MIB), unit_get(3 * ZP_MIB),
                               unit_get(3 * ZP_MIB), unit_get(9 * ZP_MIB)};
    unit_let_pass(100);
    zp_pool_prewarm();
    ck_assert(unit_comes_true(prewarming_has_ended));
    ck_assert_uint_eq(zp_shards_bytes(), 5 * ZP_MIB);
    ck_assert_ptr_nonnull(early[4]);
}
END_TEST

// Breaks when what was made ready decays before the program has got as far as asking for it.
START_TEST(prewarmed_buffers_wait_for_the_program)
{
    prewarm((struct zp_prewarm){5 * ZP_MIB, 2}, (struct zp_prewarm){0, 0});
    unit_let_pass(60000);
    struct zp_slot *slot = unit_get(5 * ZP_MIB);
    ck_assert_uint_eq(unit_counters().fresh, 0);
    ck_assert_uint_eq(zp_shards_bytes(), 5 * ZP_MIB);
    unit_let_pass(9000);
    ck_assert_ptr_null(unit_get(ZP_CLASS_MAX)); // a call that looks at the clock
    ck_assert_uint_eq(zp_shards_bytes(), 5 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++) {
        unit_let_pass(2000); // now it has been idle
        ck_assert_ptr_null(unit_get(ZP_CLASS_MAX));
    }
    ck_assert_uint_eq(zp_shards_bytes(), 0);
    zp_pool_put(slot->base);
}
END_TEST

static bool all_has_gone_back(void)
{
    return zp_budget_used() == 0 && zp_commit_bytes() == 0;
}

// Breaks when what was expected of a program that never asks for it is kept for ever, or goes
// before the time of decay is over.
START_TEST(what_nobody_asks_for_expires)
{
    list_buffers((struct zp_prewarm){20 * ZP_MIB, 1}, (struct zp_prewarm){ZP_MIB, 3});
    config.prewarm.expires = true;
    start_prewarming();
    unit_let_pass(9000);
    ck_assert_uint_eq(zp_prewarm_due(), 1000);
    ck_assert_uint_ne(zp_budget_used(), 0);
    unit_let_pass(1000);
    ck_assert(unit_comes_true(all_has_gone_back));
}
END_TEST

// Breaks when it goes although the program has begun to use it.
START_TEST(what_is_asked_for_does_not_expire)
{
    list_buffers((struct zp_prewarm){20 * ZP_MIB, 1}, (struct zp_prewarm){ZP_MIB, 3});
    config.prewarm.expires = true;
    start_prewarming();
    ck_assert_ptr_nonnull(unit_get(ZP_MIB));
    unit_let_pass(10000);
    ck_assert_uint_eq(zp_prewarm_due(), ZP_NEVER);
}
END_TEST

static unsigned marks;

static int count_marks(void *address, size_t length, int advice)
{
    marks += advice == MADV_FREE;
    return madvise(address, length, advice);
}

// Breaks when the program's first load pays for making reclaimable what was prepared for it a while
// before.
START_TEST(prewarmed_buffers_are_reclaimable_at_once)
{
    prewarm((struct zp_prewarm){5 * ZP_MIB, 2}, (struct zp_prewarm){ZP_MIB, 2});
    unit_let_pass(2000);
    zp_os_calls.madvise = count_marks;
    for (unsigned i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(unit_get(i < 2 ? 5 * ZP_MIB : ZP_MIB));
    ck_assert_uint_eq(unit_counters().fresh, 0);
    ck_assert_uint_eq(marks, 0);
}
END_TEST

// ---- A fork in the middle of prewarming ------------------------------------------------------

static _Atomic bool main_waits; // for the helper to end its part
static bool refuse_to_leave_out;

static int note_waiting(uint32_t *word, int operation, uint32_t value, const struct timespec *time)
{
    if (syscall(SYS_gettid) == getpid())
        main_waits = true;
    return (int)syscall(SYS_futex, word, operation, value, time, NULL, 0);
}

static bool does_main_wait(void)
{
    return main_waits;
}

// The first part lasts until a fork waits for its end.
static int touch_slowly(void *address, size_t length, int advice)
{
    if (advice == MADV_POPULATE_WRITE)
        MUST(unit_comes_true(does_main_wait));
    if (advice == MADV_DONTFORK && refuse_to_leave_out) {
        errno = ENOMEM;
        return -1;
    }
    return madvise(address, length, advice);
}

static bool a_part_is_under_way(void)
{
    return zp_commit_bytes() != 0;
}

static unsigned pending_slots;

static void count_pending(struct zp_slot *slot)
{
    pending_slots += slot->state == ZP_SLOT_PENDING;
}

static int find_nothing_prewarmed(void *unused)
{
    (void)unused;
    zp_arena_visit(count_pending);
    if (zp_prewarm_pending() || zp_budget_used() != 0 || pending_slots != 0)
        return 1;
    struct zp_slot *slot = unit_get(40 * ZP_MIB);
    return slot != NULL && unit_is_zero(slot->base, slot->committed) ? 0 : 2;
}

// Breaks when a child goes on with its parent's prewarming or finds half a buffer; or when the
// parent pools a buffer whose pages it shares with the child, or loses one that it does not.
START_TEST(a_fork_in_the_middle_of_prewarming)
{
    refuse_to_leave_out = _i == 1;
    zp_os_calls.madvise = touch_slowly;
    zp_os_calls.futex = note_waiting;
    list_buffers((struct zp_prewarm){40 * ZP_MIB, 1}, (struct zp_prewarm){0, 0});
    unit_pool_start(&config);
    unit_watch_forks();
    unit_let_pass(100);
    zp_pool_prewarm();
    ck_assert(unit_comes_true(a_part_is_under_way));
    unit_expect_success(find_nothing_prewarmed, NULL);
    ck_assert(unit_comes_true(prewarming_has_ended));
    zp_helper_pause(); // its last part is done
    zp_helper_resume();
    size_t kept = refuse_to_leave_out ? 0 : 40 * ZP_MIB;
    ck_assert_uint_eq(zp_shards_bytes(), kept);
    ck_assert_uint_eq(zp_budget_used(), kept);
    ck_assert_uint_eq(zp_commit_bytes(), kept);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, prewarmed_buffers_are_ready);
    tcase_add_test(tests, prewarming_on_an_old_kernel);
    tcase_add_test(tests, prewarming_ends_with_the_budget);
    tcase_add_test(tests, prewarming_what_cannot_be_had);
    tcase_add_test(tests, what_the_program_fetched_is_not_made_ready);
    tcase_add_test(tests, prewarmed_buffers_wait_for_the_program);
    tcase_add_test(tests, prewarmed_buffers_are_reclaimable_at_once);
    tcase_add_test(tests, what_nobody_asks_for_expires);
    tcase_add_test(tests, what_is_asked_for_does_not_expire);
    tcase_add_loop_test(tests, a_fork_in_the_middle_of_prewarming, 0, 2);
    return unit_run("prewarm", tests);
}
