// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Forks while system calls fail: what the parent holds and what a child inherits must be as the
// model says, and no slot lost on either side.

#define UNIT_FORKS
#include "census.h"
#include "core/scrub_queue.h"
#include "faults.h"

#include <pthread.h>

enum setting { USUAL, NOT_SCRUBBED, STRICT, HUGE_PAGES, BEHIND, SETTINGS };

enum { ROUNDS = UNIT_SLOWER == 1 ? 4 : 1, STEPS = 30 };

static struct model model;

static void start(enum setting setting)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 20 * ZP_MIB;
    config.put.thread_cache_bytes = 6 * ZP_MIB;
    config.thread_cache_most = 3;
    config.most_per_shard = 6;
    config.content.scrub = setting != NOT_SCRUBBED;
    config.arena.strict = setting == STRICT;
    config.arena.huge_pages = setting == HUGE_PAGES ? ZP_HUGE_ALL : ZP_HUGE_NONE;
    config.scrub_behind = setting == BEHIND ? 10 * ZP_MIB : 0;
    fault_install();
    unit_pool_start(&config);
    unit_watch_forks();
    model_start(&model, &config, 4 * ZP_MIB, unit_random_start("fork faults", 21));
    fault.random = unit_random(&model.random);
}

static void steps(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        model_step(&model);
}

static void check_buffers(void)
{
    for (unsigned i = 0; i < model.count; i++)
        model_check_buffer(&model.buffers[i]);
}

static bool all_is_scrubbed(void)
{
    return zp_scrub_queue_bytes() == 0;
}

static void finish(void)
{
    fault_end();
    steps(STEPS);
    MUST(unit_comes_true(all_is_scrubbed));
    zp_pool_end();
    const struct model_census *census = model_finish(&model);
    model_find_every_slot(census);
}

// Finds what it inherited as it was, and goes on while calls fail, then without.
static int go_on(void *unused)
{
    (void)unused;
    unit_begin_child();
    check_buffers();
    steps(STEPS);
    finish();
    return 0;
}

static void fork_with_faults(unsigned which, unsigned one_in, bool half)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        fault_end();
        steps(STEPS);
        fault_begin_by_chance(which, one_in, half);
        unit_expect_success(go_on, NULL);
        check_buffers();
        steps(STEPS / 2); // of what could not be brought back
    }
    finish();
}

static const struct {
    unsigned which, one_in;
    bool half;
} cases[] = {
    {1u << MADVISE, 1, false},
    {1u << MADVISE, 1, true},
    {1u << MADVISE, 2, true},
    {1u << MMAP, 1, false},
    {1u << MMAP, 2, false},
    {1u << MADVISE | 1u << MMAP, 2, true},
    {1u << MADVISE | 1u << MMAP, 1, false},
    {ALL_CALLS, 2, true},
    {ALL_CALLS, 7, false},
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

// Breaks when a fork in which the kernel refuses to leave memory out, to take it back, or to fill
// the child's holes, wholly or half-way, crashes either side, mixes up or shows old bytes, or loses
// a slot.
START_TEST(calls_fail_around_forks)
{
    start((enum setting)(_i / CASES));
    fork_with_faults(cases[_i % CASES].which, cases[_i % CASES].one_in, cases[_i % CASES].half);
}
END_TEST

static unsigned retired;

static void count_retired(struct zp_slot *slot)
{
    retired += slot->state == ZP_SLOT_RETIRED;
}

static int use_none_of_the_holes(void *unused)
{
    (void)unused;
    zp_arena_visit(count_retired);
    fault_end();
    if (retired != 3)
        return 1;
    for (unsigned i = 0; i < 4; i++) {
        struct zp_slot *slot = unit_get(3 * ZP_MIB);
        if (slot == NULL || !unit_is_zero(slot->base, slot->usable))
            return 2;
    }
    return 0;
}

// Breaks when a child that cannot reserve the addresses of what was left out hands them out, where
// anything may be mapped by now.
START_TEST(holes_that_cannot_be_filled_are_not_used)
{
    start(USUAL);
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        MUST((slots[i] = unit_get(3 * ZP_MIB)) != NULL);
    for (unsigned i = 0; i < 3; i++) // what has no pages is not left out
        memset(slots[i]->base, 1, 3 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    fault_begin(1u << MMAP, 1, ENOMEM);
    unit_expect_success(use_none_of_the_holes, NULL);
    fault_end();
    ck_assert_uint_eq(zp_shards_bytes(), 9 * ZP_MIB);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, calls_fail_around_forks, 0, SETTINGS * CASES);
    tcase_add_test(tests, holes_that_cannot_be_filled_are_not_used);
    return unit_run("fork_faults", tests);
}
