// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A fuzz target: bytes choose a configuration and a sequence of operations by up to four threads,
// the helper's parts and system calls that fail among them, all checked against the model of
// tests/unit/model.h.
//
// Breaks when any sequence loses, mixes up or leaks bytes or slots, hands out old bytes or one
// place twice, exceeds the budget, changes errno, or crashes.

#include "pool.h"

#include "core/fork.h"

static struct zp_pool_config config;
static struct model model;
static unsigned forks;

static size_t choose(size_t bound)
{
    return model_below(&model, bound);
}

// ---- The configuration -----------------------------------------------------------------------

static void choose_config(struct unit_random *choices)
{
    static const size_t budgets[] = {64 * ZP_MIB, 12 * ZP_MIB, 6 * ZP_MIB, 0};
    static const size_t cache_bytes[] = {16 * ZP_MIB, 3 * ZP_MIB, ZP_MIB, 0};
    static const int64_t decays[] = {10000, 1, 0, ZP_DECAY_NEVER};
    enum { FREE, BOTH, BACKGROUND, OFF };
    size_t zero = unit_random_below(choices, 4), bits = unit_random_below(choices, 256);
    config = unit_pool_config();
    config.content.scrub = zero != OFF;
    config.content.scrub_again = zero == BOTH;
    config.scrub_behind = zero == BACKGROUND ? 8 * ZP_MIB : 0;
    config.arena.strict = (bits & 1) != 0;
    config.arena.huge_pages = (bits & 2) != 0 ? ZP_HUGE_FILLED : ZP_HUGE_NONE;
    config.reclaim = (bits & 4) == 0;
    if ((bits & 8) != 0)
        config.eviction = &zp_eviction_lifo;
    config.decay.idle_ms = decays[bits >> 4 & 3];
    config.arena.mappings = (bits >> 6) == 2 ? 4 : 0;
    helper_is_off = (bits >> 6) == 3;
    config.budget = budgets[unit_random_below(choices, 4)];
    config.put.thread_cache_bytes = cache_bytes[unit_random_below(choices, 4)];
    config.thread_cache_most = zero == BOTH ? 0 : (unsigned)unit_random_below(choices, 5);
    config.shards = 1u << unit_random_below(choices, 3);
    config.most_per_shard = 1 + (uint32_t)unit_random_below(choices, 16);
    size_t more = unit_random_below(choices, 4);
    config.arena.spread = more % 2 != 0;
    if (more == 2) { // as config/resolve.c has it: what is checked is zero from free on
        unit_check_fully(&config, 3 * ZP_MIB);
        config.content.scrub = true;
        config.content.scrub_again = false;
        config.scrub_behind = 0;
    }
    if (more == 3) {
        static const struct zp_prewarm list[] = {{2 * ZP_MIB + 1, 2}, {300 * ZP_KIB, 3}};
        config.prewarm = (struct zp_prewarm_config){.list = list, .count = 2};
    }
}

// ---- Operations ------------------------------------------------------------------------------

static void step(void)
{
    model_step(&model);
}

static void trim(void)
{
    errno = MODEL_ERRNO;
    zp_pool_trim();
    model_check_whole(&model);
}

static void clear(void)
{
    if (model.count > 0)
        model_clear(&model, (unsigned)choose(model.count));
}

static void protect_and_put(void)
{
    if (model.count > 0)
        model_protect_and_put(&model, (unsigned)choose(model.count));
}

static void check_stats(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    MUST(stats.retained_bytes <= zp_budget_used());
    MUST(stats.retained_peak_bytes <= config.budget);
}

static void break_calls(void)
{
    static const unsigned chances[] = {1, 2, 3, 10};
    unsigned which = (unsigned)choose(ALL_CALLS + 1), chance = (unsigned)choose(8);
    fault_begin_by_chance(which, chances[chance % 4], chance >= 4);
}

static void finish_helper(void)
{
    while (zp_background_due() == 0)
        zp_background_part();
}

// Everything is given back: no slot may be missing.
static void finish(void)
{
    fault_end();
    unit_let_pass(ZP_PREWARM_DELAY_MS); // a clock that jumped may have begun what is not due now
    finish_helper();
    const struct model_census *census = model_finish(&model);
    model_find_every_slot(census);
}

// What a child does: finds its buffers as they were, and goes on alone.
static int go_on_in_child(void)
{
    for (unsigned i = 0; i < model.count; i++)
        model_check_buffer(&model.buffers[i]);
    for (unsigned i = 0; i < 24; i++)
        step();
    finish();
    return 0;
}

// Twice per input at most: it takes longer than all else, and the second finds what the first left.
static void fork_and_go_on(void)
{
    if (forks == 2)
        return;
    forks++;
    unit_before_fork();
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        zp_fork_child();
        _exit(go_on_in_child());
    }
    zp_fork_parent();
    int status = 0;
    MUST(waitpid(child, &status, 0) == child && status == 0);
}

static void do_operation(void)
{
    unsigned actor = (unsigned)choose(ACTORS);
    size_t chance = choose(64);
    if (chance < 38)
        let_act(actor, step);
    else if (chance < 40)
        let_act(actor, trim);
    else if (chance < 48)
        let_act(actor, helper_part);
    else if (chance < 51)
        let_act(actor, clear);
    else if (chance < 54)
        let_act(actor, protect_and_put);
    else if (chance < 57)
        break_calls();
    else if (chance < 58)
        fault_end();
    else if (chance < 60)
        unit_let_pass(chance == 58 ? 150 : 1500);
    else if (chance < 61)
        let_act(actor, check_stats);
    else if (chance < 62)
        let_end(actor);
    else if (chance < 63)
        let_act(actor, fork_and_go_on);
    else
        zp_pool_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct unit_random choices = fuzz_choices(bytes, length);
    choose_config(&choices);
    unit_now = 3600 * 1000;
    start_pool(&config);
    start_cache(&config, 0);
    actors_config = &config;
    forks = 0;
    fault.random = 1;
    model_start(&model, &config, 5 * ZP_MIB, choices);
    model.helped = false; // the helper works when it is told to
    while (!fuzz_is_over(&model.random))
        do_operation();
    for (unsigned i = 1; i < ACTORS; i++)
        let_end(i);
    finish();
    return 0;
}

// The first tick of a process sets a clock of its own (decay.c: awake); after this one, every
// input finds it set.
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    config = unit_pool_config();
    start_pool(&config);
    start_cache(&config, 0);
    MUST(zp_pool_get(64 * ZP_GIB, 1) == NULL);
    return 0;
}
