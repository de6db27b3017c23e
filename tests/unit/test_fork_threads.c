// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Forks of a process with threads, by children, and with fork handlers of other libraries.

#include "core/commit.h"
#include "core/scrub_queue.h"
#include "forks.h"

#include <pthread.h>

// ---- Threads ---------------------------------------------------------------------------------

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned waiting;
    bool done;
} meeting = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

// Fills its cache, then waits until told to end.
static void *hold_buffers(void *argument)
{
    (void)argument;
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = get_filled(ZP_MIB);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    pthread_mutex_lock(&meeting.mutex);
    meeting.waiting++;
    pthread_cond_broadcast(&meeting.changed);
    while (!meeting.done)
        pthread_cond_wait(&meeting.changed, &meeting.mutex);
    pthread_mutex_unlock(&meeting.mutex);
    return NULL;
}

static unsigned cold_slots;

static void count_cold(struct zp_slot *slot)
{
    cold_slots += slot->state == ZP_SLOT_COLD;
}

static int find_orphans_cold(void *unused)
{
    (void)unused;
    zp_arena_visit(count_cold);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    if (cold_slots != 6 || stats.retained_bytes != 0 || zp_budget_used() != 0)
        return 1;
    for (unsigned i = 0; i < 6; i++) {
        struct zp_slot *slot = unit_get(ZP_MIB);
        if (slot == NULL || !unit_is_zero(slot->base, ZP_MIB))
            return 2;
    }
    return 0;
}

// Breaks when the buffers in caches of threads that a child does not have are lost to it, or are
// still charged for; or when the parent's threads lose theirs.
START_TEST(caches_of_missing_threads_are_given_up)
{
    start_default();
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hold_buffers, NULL), 0);
    pthread_mutex_lock(&meeting.mutex);
    while (meeting.waiting < 2)
        pthread_cond_wait(&meeting.changed, &meeting.mutex);
    pthread_mutex_unlock(&meeting.mutex);
    size_t before = zp_budget_used();
    unit_expect_success(find_orphans_cold, NULL);
    ck_assert_uint_eq(zp_budget_used(), before);
    pthread_mutex_lock(&meeting.mutex);
    meeting.done = true;
    pthread_cond_broadcast(&meeting.changed);
    pthread_mutex_unlock(&meeting.mutex);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(zp_shards_bytes(), before);
    ck_assert_uint_eq(zp_pool_trim(), before);
}
END_TEST

static bool storm_is_over(void)
{
    pthread_mutex_lock(&meeting.mutex);
    bool over = meeting.done;
    pthread_mutex_unlock(&meeting.mutex);
    return over;
}

static void *work_in_the_storm(void *argument)
{
    struct unit_random random = *(struct unit_random *)argument;
    while (!storm_is_over()) {
        struct zp_slot *slot = unit_get(ZP_CLASS_MIN + unit_random_below(&random, 4 * ZP_MIB));
        MUST(slot != NULL && zp_slot_is_zero(slot));
        marks_check_none(slot->base, 0, slot->usable, 16);
        const struct marks marks = {unit_random(&random), 16};
        marks_write(&marks, slot->base, 0, slot->usable);
        if (unit_random_below(&random, 4) == 0) {
            struct zp_slot *moved = zp_pool_move(slot, 2 * slot->usable);
            slot = moved != NULL ? moved : slot;
        }
        zp_pool_put(slot->base);
    }
    return NULL;
}

static bool all_is_scrubbed(void)
{
    return zp_scrub_queue_bytes() == 0;
}

static int work_a_little(void *unused)
{
    (void)unused;
    unit_begin_child();
    for (unsigned i = 0; i < 4; i++) {
        struct zp_slot *slot = unit_get((i + 1) * ZP_MIB);
        if (slot == NULL || !unit_is_zero(slot->base, slot->usable))
            return 1;
        memset(slot->base, 1, slot->usable);
        zp_pool_put(slot->base);
    }
    if (!unit_comes_true(all_is_scrubbed))
        return 3;
    zp_pool_end(); // the helper, if there is one, may have a buffer in its hands
    zp_pool_trim();
    model_check_tails(); // of what is live, other threads' among them
    return zp_budget_used() == zp_budget_tails() ? 0 : 2;
}

// Breaks when a fork at any moment of other threads' work, the helper's among them, leaves a lock
// taken, a list torn or a slot half-way between two owners.
START_TEST(forks_while_threads_work)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = 48 * ZP_GIB;
    config.thread_cache_most = 2;
    config.budget = 12 * ZP_MIB;
    config.put.thread_cache_bytes = 4 * ZP_MIB;
    config.most_per_shard = 3;
    if (_i == 1) {
        config.scrub_behind = 6 * ZP_MIB;
        config.content.cpu_cache = 0;
    }
    start(&config);
    enum { WORKERS = 3, FORKS = 80 / UNIT_SLOWER };
    struct unit_random seeds = unit_random_start("storm", 13), randoms[WORKERS];
    pthread_t threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        randoms[i] = (struct unit_random){.state = unit_random(&seeds)};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work_in_the_storm, &randoms[i]), 0);
    }
    for (unsigned i = 0; i < FORKS; i++)
        unit_expect_success(work_a_little, NULL);
    pthread_mutex_lock(&meeting.mutex);
    meeting.done = true;
    pthread_mutex_unlock(&meeting.mutex);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(unit_comes_true(all_is_scrubbed));
    zp_pool_end();
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
}
END_TEST

static int fork_again(void *depth)
{
    unsigned *left = depth;
    struct zp_slot *slot = get_filled(ZP_MIB);
    zp_pool_put(get_filled(3 * ZP_MIB)->base);
    if (--*left > 0 && unit_in_child(fork_again, depth, NULL, 0) != 0)
        return 1;
    if (!is_filled(slot->base, ZP_MIB))
        return 2;
    zp_pool_put(slot->base);
    return work_a_little(NULL);
}

// Breaks when a child cannot fork as its parent could.
START_TEST(children_fork)
{
    start_default();
    unsigned depth = 5;
    unit_expect_success(fork_again, &depth);
}
END_TEST

// ---- Other libraries' fork handlers ----------------------------------------------------------

static struct zp_slot *kept[2];

// Other handlers come before the pool's and after them.
static void allocate(void)
{
    for (unsigned i = 0; i < 2; i++) {
        if (kept[i] != NULL) {
            MUST(kept[i]->base[0] == 1);
            zp_pool_put(kept[i]->base);
        }
        kept[i] = unit_get(forks_sizes[i]);
        MUST(kept[i] != NULL && unit_is_zero(kept[i]->base, forks_sizes[i]));
        memset(kept[i]->base, 1, forks_sizes[i]);
        zp_pool_put(get_filled(forks_sizes[i])->base);
    }
}

static void allocate_and_trim(void)
{
    allocate();
    zp_pool_trim();
}

// Breaks when what handlers get just before a fork has another owner after it, or the pool that
// they find just after it, in the parent or the child, is not in order.
START_TEST(handlers_of_others_may_allocate)
{
    struct zp_pool_config config = unit_pool_config();
    if (_i % 2 == 1) { // full shards and a full budget
        config.budget = 9 * ZP_MIB;
        config.thread_cache_most = 1;
        config.shards = 1;
        config.most_per_shard = 1;
    }
    void (*handler)(void) = _i < 2 ? allocate : allocate_and_trim;
    start(&config);
    ck_assert_int_eq(pthread_atfork(handler, handler, handler), 0);
    static struct model model;
    model_start(&model, &config, 6 * ZP_MIB, unit_random_start("handlers", 14));
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned i = 0; i < 60; i++)
            model_step(&model);
        unit_expect_success(work_a_little, NULL);
        for (unsigned i = 0; i < model.count; i++)
            model_check_buffer(&model.buffers[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        zp_pool_put(kept[i]->base);
    kept[0] = kept[1] = NULL;
    model_use_every_slot(&model, model_finish(&model));
}
END_TEST

static int is_known_as_shared(void *unused)
{
    (void)unused;
    return kept[0]->epoch != zp_arena_epoch() ? 0 : 1;
}

// Breaks when a second fork makes the parent forget what it shares with the first one's child.
START_TEST(a_fork_does_not_end_what_an_earlier_one_shared)
{
    start_default();
    kept[0] = get_filled(ZP_MIB);
    zp_pool_put(kept[0]->base);
    kept[0]->epoch--; // another thread was about to put it when the first fork came
    fork_once();
    ck_assert_int_eq(is_known_as_shared(NULL), 0);
    kept[0] = unit_get(ZP_MIB);
    ck_assert(zp_slot_is_zero(kept[0]) && is_known_as_shared(NULL) != 0);
}
END_TEST

static struct zp_pool_config child_config;

static int work_by_the_model(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < 2; i++)
        zp_pool_put(kept[i]->base);
    static struct model model;
    model_start(&model, &child_config, 6 * ZP_MIB, unit_random_start("handlers, child", 15));
    for (unsigned i = 0; i < 200; i++)
        model_step(&model);
    model_use_every_slot(&model, model_finish(&model));
    return 0;
}

// Breaks when such handlers leave the child's pool in disorder.
START_TEST(handlers_of_others_leave_the_child_in_order)
{
    child_config = unit_pool_config();
    start(&child_config);
    ck_assert_int_eq(pthread_atfork(allocate, allocate, allocate), 0);
    zp_pool_put(get_filled(ZP_MIB)->base);
    unit_expect_success(work_by_the_model, NULL);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, caches_of_missing_threads_are_given_up);
    tcase_add_loop_test(tests, forks_while_threads_work, 0, 2);
    tcase_add_test(tests, children_fork);
    tcase_add_loop_test(tests, handlers_of_others_may_allocate, 0, 4);
    tcase_add_test(tests, a_fork_does_not_end_what_an_earlier_one_shared);
    tcase_add_test(tests, handlers_of_others_leave_the_child_in_order);
    return unit_run("fork_threads", tests);
}
