// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The pool with its helper at work: scrubbing in the background, and prewarming.

#define UNIT_FORKS
#include "core/helper.h"
#include "core/scrub_queue.h"
#include "model.h"

#include <pthread.h>

static struct zp_pool_config config;

static void start(size_t behind)
{
    config = unit_pool_config();
    config.scrub_behind = behind;
    unit_pool_start(&config);
}

static struct zp_slot *get_filled(size_t size)
{
    struct zp_slot *slot = unit_get(size);
    MUST(slot != NULL);
    MUST(unit_is_zero(slot->base, slot->committed));
    memset(slot->base, 0xA5, slot->committed);
    return slot;
}

static bool all_is_scrubbed(void)
{
    return zp_scrub_queue_bytes() == 0;
}

static size_t pooled_bytes;

static bool all_is_pooled(void)
{
    return zp_shards_bytes() == pooled_bytes;
}

// A helper that never comes: what it would do waits.
static void keep_helper_away(void)
{
    zp_helper_pause();
}

// ---- Scrubbing -------------------------------------------------------------------------------

// Breaks when a buffer that the helper scrubbed is not zero, not pooled, or not in memory.
START_TEST(the_helper_scrubs)
{
    start(ZP_GIB);
    struct zp_slot *slots[4];
    for (unsigned i = 0; i < 4; i++)
        slots[i] = get_filled((3 + i) * ZP_MIB);
    for (unsigned i = 0; i < 4; i++)
        zp_pool_put(slots[i]->base);
    ck_assert(unit_comes_true(all_is_scrubbed));
    pooled_bytes = (3 + 4 + 5 + 6) * ZP_MIB;
    ck_assert(unit_comes_true(all_is_pooled));
    ck_assert_uint_eq(zp_budget_used(), pooled_bytes);
    struct zp_counters counters = unit_counters();
    ck_assert_uint_eq(counters.bytes_scrubbed, pooled_bytes);
    ck_assert_uint_eq(counters.helped, 4);
    for (unsigned i = 0; i < 4; i++) {
        struct zp_slot *again = unit_get((3 + i) * ZP_MIB);
        ck_assert_ptr_eq(again, slots[i]);
        ck_assert(zp_slot_is_zero(again));
        ck_assert(unit_is_zero(again->base, again->committed));
    }
    ck_assert_uint_eq(unit_counters().warm_pages, 0); // counted when they are freed again
}
END_TEST

// Breaks when a request waits for the helper, or gets a buffer as it was left, or fresh memory
// where there is some to be scrubbed.
START_TEST(a_request_scrubs_what_nobody_did)
{
    start(ZP_GIB);
    keep_helper_away();
    struct zp_slot *slot = get_filled(5 * ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_PENDING);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 5 * ZP_MIB);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained, 5 * ZP_MIB);
    ck_assert_ptr_eq(unit_get(5 * ZP_MIB), slot);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    ck_assert(zp_slot_is_zero(slot));
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(unit_counters().fresh, 1);
}
END_TEST

// Breaks when a request takes a larger buffer although one of its class waits to be scrubbed: that
// will be asked for too.
START_TEST(the_own_class_comes_first)
{
    start(ZP_GIB);
    struct zp_slot *larger = get_filled(6 * ZP_MIB);
    zp_pool_put(larger->base);
    ck_assert(unit_comes_true(all_is_scrubbed));
    pooled_bytes = 6 * ZP_MIB;
    ck_assert(unit_comes_true(all_is_pooled));
    keep_helper_away();
    struct zp_slot *both[] = {get_filled(5 * ZP_MIB), get_filled(5 * ZP_MIB)};
    struct zp_slot *fitting = both[0] == larger ? both[1] : both[0];
    zp_pool_put(fitting->base);
    ck_assert_int_eq(fitting->state, ZP_SLOT_PENDING);
    zp_pool_put(larger->base); // and this one waits, too
    ck_assert_ptr_eq(unit_get(5 * ZP_MIB), fitting);
}
END_TEST

// Breaks when more waits than may: who frees scrubs then.
START_TEST(beyond_the_bound_who_frees_scrubs)
{
    start(8 * ZP_MIB);
    keep_helper_away();
    struct zp_slot *one = get_filled(6 * ZP_MIB), *two = get_filled(7 * ZP_MIB);
    zp_pool_put(one->base);
    zp_pool_put(two->base);
    ck_assert_int_eq(one->state, ZP_SLOT_PENDING);
    ck_assert_int_eq(two->state, ZP_SLOT_CACHED);
    ck_assert(unit_is_zero(two->base, two->committed));
}
END_TEST

// Breaks when small buffers cost a wake-up that takes longer than scrubbing them.
START_TEST(small_ones_are_scrubbed_at_once)
{
    start(ZP_GIB);
    keep_helper_away();
    struct zp_slot *slot = get_filled(ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
}
END_TEST

// Breaks when what waits cannot make room for others, or trim forgets it.
START_TEST(what_waits_can_be_let_go)
{
    start(ZP_GIB);
    keep_helper_away();
    struct zp_slot *slots[8];
    for (unsigned i = 0; i < 8; i++)
        slots[i] = get_filled((i < 4 ? 14 : 7) * ZP_MIB); // the budget is 64
    for (unsigned i = 0; i < 8; i++)
        zp_pool_put(slots[i]->base);
    ck_assert_int_eq(slots[0]->state, ZP_SLOT_COLD);
    ck_assert_int_eq(slots[1]->state, ZP_SLOT_COLD);
    ck_assert_int_eq(slots[7]->state, ZP_SLOT_PENDING);
    ck_assert_uint_eq(unit_counters().evicted, 2);
    ck_assert_uint_eq(zp_pool_trim(), 56 * ZP_MIB);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// Breaks when buffers are left as they are once nobody is there to scrub them.
START_TEST(after_the_end_who_frees_scrubs)
{
    start(ZP_GIB);
    zp_pool_put(get_filled(5 * ZP_MIB)->base);
    zp_pool_end();
    struct zp_slot *slot = get_filled(5 * ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_int_ne(slot->state, ZP_SLOT_PENDING);
    ck_assert(unit_is_zero(slot->base, slot->committed));
}
END_TEST

// Breaks when a buffer comes to two owners, or not clean, while several threads and the helper are
// at it; half of the time all want the same size, and so what the helper has in hand.
static void *churn(void *argument)
{
    struct unit_random *random = argument;
    struct zp_slot *held[3] = {NULL};
    for (unsigned i = 0; i < 3000 / UNIT_SLOWER; i++) {
        struct zp_slot **slot = &held[unit_random_below(random, 3)];
        if (*slot != NULL) {
            MUST((*slot)->base[0] == (char)(uintptr_t)random);
            zp_pool_put((*slot)->base);
        }
        size_t size = unit_random_below(random, 2) == 0
                          ? 7 * ZP_MIB
                          : ZP_MIB + unit_random_below(random, 8 * ZP_MIB);
        *slot = unit_get(size);
        if (*slot == NULL)
            continue;
        char *base = (*slot)->base;
        for (size_t at = 0; at < (*slot)->committed; at += 4093)
            MUST(base[at] == 0);
        base[0] = (char)(uintptr_t)random;
        memset(base + unit_random_below(random, size / 2), 1, size / 2);
        base[0] = (char)(uintptr_t)random;
    }
    for (unsigned i = 0; i < 3; i++)
        if (held[i] != NULL)
            zp_pool_put(held[i]->base);
    return NULL;
}

START_TEST(threads_and_the_helper)
{
    start(ZP_GIB);
    pthread_t threads[3];
    struct unit_random random[3];
    for (unsigned i = 0; i < 3; i++) {
        random[i] = unit_random_start("background", i + 1);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &random[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert(unit_comes_true(all_is_scrubbed));
    ck_assert_uint_gt(unit_counters().helped, 0);
    zp_helper_pause(); // what was in its hands is pooled
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
}
END_TEST

// ---- Fork ------------------------------------------------------------------------------------

static struct zp_slot *forked[6];

static int use_in_child(void *unused)
{
    (void)unused;
    unit_begin_child();
    if (zp_scrub_queue_bytes() != 0 || zp_budget_used() != 0)
        return 1;
    for (unsigned i = 0; i < 6; i++)
        if (forked[i]->state == ZP_SLOT_PENDING)
            return 2;
    for (unsigned i = 0; i < 6; i++) {
        struct zp_slot *slot = unit_get(7 * ZP_MIB);
        if (slot == NULL || !unit_is_zero(slot->base, slot->committed))
            return 3;
        memset(slot->base, 1, slot->committed);
        zp_pool_put(slot->base);
    }
    return unit_comes_true(all_is_scrubbed) ? 0 : 4;
}

// Breaks when a fork finds the helper at work, or the child the parent's unscrubbed buffers, or
// either side has no helper afterwards.
START_TEST(fork_with_the_helper_at_work)
{
    config = unit_pool_config();
    config.scrub_behind = ZP_GIB;
    config.budget = 128 * ZP_MIB;
    unit_pool_start(&config);
    unit_watch_forks();
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 6; i++)
            forked[i] = get_filled(7 * ZP_MIB);
        for (unsigned i = 0; i < 6; i++)
            zp_pool_put(forked[i]->base);
        unit_expect_success(use_in_child, NULL);
        ck_assert(unit_comes_true(all_is_scrubbed));
    }
    ck_assert_uint_gt(unit_counters().helped, 10);
}
END_TEST

// Breaks when what waits for a helper that cannot be started is never scrubbed, or anything waits
// for it afterwards.
START_TEST(without_a_thread_who_frees_scrubs)
{
    start(ZP_GIB);
    struct zp_slot *first = get_filled(3 * ZP_MIB), *second = get_filled(3 * ZP_MIB);
    bool root = geteuid() == 0;
    if (root)
        ck_assert_int_eq(setresuid(65534, 65534, 0), 0); // root has no such limit
    struct rlimit before, none = {0, 0};
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    none.rlim_max = before.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
    zp_pool_put(first->base);
    ck_assert_int_eq(first->state, ZP_SLOT_PENDING);
    zp_pool_put(second->base);
    ck_assert_int_ne(second->state, ZP_SLOT_PENDING);
    for (unsigned i = 0; i < 2; i++) {
        struct zp_slot *slot = unit_get(3 * ZP_MIB);
        ck_assert(slot == first || slot == second);
        ck_assert(unit_is_zero(slot->base, slot->committed));
    }
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    ck_assert_uint_eq(unit_counters().helped, 0);
    if (root)
        ck_assert_int_eq(setresuid(0, 0, 0), 0); // coverage is written when the test ends
}
END_TEST

// ---- Scrubbing again -------------------------------------------------------------------------

// Breaks when what a program writes to a buffer that it has freed comes to the next owner.
START_TEST(what_is_written_after_free_is_gone)
{
    static const size_t sizes[] = {ZP_MIB, 5 * ZP_MIB};
    config = unit_pool_config();
    config.content.scrub_again = true;
    config.thread_cache_most = 0;
    unit_pool_start(&config);
    struct zp_slot *slot = get_filled(sizes[_i]);
    zp_pool_put(slot->base);
    slot->base[17] = 1;
    slot->base[sizes[_i] - 1] = 1;
    ck_assert_ptr_eq(unit_get(sizes[_i]), slot);
    ck_assert(unit_is_zero(slot->base, slot->committed));
}
END_TEST

// ---- Prewarming ------------------------------------------------------------------------------

static bool prewarming_has_ended(void)
{
    return !zp_prewarm_pending();
}

static void prewarm(struct zp_prewarm first, struct zp_prewarm second)
{
    config = unit_pool_config();
    config.prewarm[0] = first;
    config.prewarm[1] = second;
    unit_pool_start(&config);
    zp_pool_prewarm();
    usleep(10000);
    ck_assert_uint_eq(zp_commit_bytes(), 0); // a short-lived program is spared
    unit_let_pass(100);
    ck_assert(unit_comes_true(prewarming_has_ended));
    zp_helper_pause(); // its last part is done
    zp_helper_resume();
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
    if (advice == 23) { // MADV_POPULATE_WRITE, Linux 5.14
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
    config = unit_pool_config();
    config.prewarm[0] = (struct zp_prewarm){5 * ZP_MIB, 2};
    config.prewarm[1] = (struct zp_prewarm){3 * ZP_MIB, 2};
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
    zp_pool_put(slot->base);
    ck_assert_uint_eq(zp_shards_bytes(), 5 * ZP_MIB);
    unit_let_pass(2000); // now it has been idle
    for (unsigned i = 0; i < 3; i++) {
        slot = unit_get(ZP_MIB);
        zp_pool_put(slot->base);
        unit_let_pass(2000);
    }
    ck_assert_uint_eq(zp_shards_bytes(), 0);
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
    config = unit_pool_config();
    config.prewarm[0] = (struct zp_prewarm){40 * ZP_MIB, 1};
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
    tcase_add_test(tests, the_helper_scrubs);
    tcase_add_test(tests, a_request_scrubs_what_nobody_did);
    tcase_add_test(tests, the_own_class_comes_first);
    tcase_add_test(tests, beyond_the_bound_who_frees_scrubs);
    tcase_add_test(tests, small_ones_are_scrubbed_at_once);
    tcase_add_test(tests, what_waits_can_be_let_go);
    tcase_add_test(tests, after_the_end_who_frees_scrubs);
    tcase_add_test(tests, threads_and_the_helper);
    tcase_add_test(tests, fork_with_the_helper_at_work);
    tcase_add_loop_test(tests, what_is_written_after_free_is_gone, 0, 2);
    tcase_add_test(tests, prewarmed_buffers_are_ready);
    tcase_add_test(tests, prewarming_on_an_old_kernel);
    tcase_add_test(tests, prewarming_ends_with_the_budget);
    tcase_add_test(tests, prewarming_what_cannot_be_had);
    tcase_add_test(tests, what_the_program_fetched_is_not_made_ready);
    tcase_add_test(tests, prewarmed_buffers_wait_for_the_program);
    tcase_add_test(tests, without_a_thread_who_frees_scrubs);
    tcase_add_loop_test(tests, a_fork_in_the_middle_of_prewarming, 0, 2);
    return unit_run("background", tests);
}
