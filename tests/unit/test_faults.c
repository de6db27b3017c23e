// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each system call of core is made to fail in turn, every time, every second time and so on, then
// all by chance, under random operations checked against the model; then calls work again, and
// nothing must be lost.

#include "census.h"
#include "core/scrub_queue.h"
#include "faults.h"

// ---- While the pool works --------------------------------------------------------------------

enum { STEPS = 180 };

enum setting { USUAL, NOT_SCRUBBED, STRICT, HUGE_PAGES, BEHIND, TWICE, PREWARMED, SETTINGS };

static const char *const names[] = {
    "usual", "not scrubbed", "strict", "huge pages", "background", "scrubbed twice", "prewarmed",
};

static struct zp_pool_config config_of(enum setting setting)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 12 * ZP_MIB;
    config.put.thread_cache_bytes = setting == TWICE ? 0 : 6 * ZP_MIB;
    config.thread_cache_most = setting == TWICE ? 0 : 3;
    config.most_per_shard = 3;
    config.content.scrub = setting != NOT_SCRUBBED;
    config.arena.strict = setting == STRICT;
    config.arena.spread = setting != USUAL;
    if (setting == STRICT || setting == HUGE_PAGES)
        config.arena.huge_pages = ZP_HUGE_ALL;
    config.scrub_behind = setting == BEHIND ? 6 * ZP_MIB : 0;
    config.content.scrub_again = setting == TWICE;
    if (setting == PREWARMED) {
        static const struct zp_prewarm list[] = {{3 * ZP_MIB, 2}, {ZP_MIB / 2, 5}};
        config.prewarm = (struct zp_prewarm_config){.list = list, .count = 2};
    }
    return config;
}

static void start(enum setting setting, struct model *model, const char *what)
{
    struct zp_pool_config config = config_of(setting);
    fault_install();
    unit_pool_start(&config);
    zp_os_calls.clock = fault_clock;
    printf("%s: ", names[setting]);
    model_start(model, &config, 6 * ZP_MIB, unit_random_start(what, 77));
    fault.random = unit_random(&model->random);
}

static void steps(struct model *model, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        model_step(model);
}

static void prewarm(void)
{
    unit_let_pass(200); // it is due at once
    zp_pool_prewarm();
}

static bool helper_is_done(void)
{
    return zp_scrub_queue_bytes() == 0 && zp_prewarm_due() != 0;
}

// Calls work again: nothing was lost by what failed. Returns how many slots were retired.
static unsigned finish(struct model *model)
{
    fault_end();
    steps(model, STEPS / 4);
    ck_assert(unit_comes_true(helper_is_done));
    zp_pool_end(); // the helper looks at slots, too
    const struct model_census *census = model_finish(model);
    model_find_every_slot(census);
    if (UNIT_SLOWER == 1)
        model_use_every_slot(model, census);
    return census->states[ZP_SLOT_RETIRED];
}

// Random operations while calls fail, then without; returns how many slots were retired.
static unsigned run(enum setting setting, unsigned which, unsigned every, int error)
{
    static struct model model;
    char what[64];
    snprintf(what, sizeof(what), "calls %#x, every %u, error %d", which, every, error);
    start(setting, &model, what);
    steps(&model, STEPS / 4); // some buffers are there when it begins
    fault_begin(which, every, error);
    // Only scrubbing asks what is in memory.
    bool may_fail = setting != NOT_SCRUBBED || which != 1u << MINCORE;
    for (unsigned i = 0; i < STEPS || (fault_failures() == 0 && may_fail); i++)
        model_step(&model);
    return finish(&model);
}

// munmap is called at start alone; of the rest, those whose failure the program could notice.
static const enum fault_call working_calls[] = {MMAP, MPROTECT, MADVISE, MREMAP, MINCORE};
static const unsigned rates[] = {1, 2, 3, 7};
static const int errors[] = {ENOMEM, EINVAL, EAGAIN};

enum {
    WORKING = sizeof(working_calls) / sizeof(working_calls[0]),
    RATES = sizeof(rates) / sizeof(rates[0]),
    ERRORS = sizeof(errors) / sizeof(errors[0]),
};

// Breaks when the failure of one call loses bytes, shows old ones, changes errno, crashes, or costs
// a slot for good: for each call there is another way.
START_TEST(one_call_fails)
{
    unsigned which = 1u << working_calls[_i % WORKING];
    unsigned every = rates[_i / WORKING];
    ck_assert_uint_eq(run(USUAL, which, every, errors[_i % ERRORS]), 0);
}
END_TEST

// The same with buffers that are not scrubbed, and with every slot standing alone.
START_TEST(one_call_fails_not_scrubbed)
{
    unsigned which = 1u << working_calls[_i % WORKING];
    ck_assert_uint_eq(run(NOT_SCRUBBED, which, rates[_i / WORKING], ENOMEM), 0);
}
END_TEST

START_TEST(one_call_fails_strict)
{
    unsigned which = 1u << working_calls[_i % WORKING];
    ck_assert_uint_eq(run(STRICT, which, rates[_i / WORKING], ENOMEM), 0);
}
END_TEST

// Breaks when the failure of several calls at once does any harm but retiring slots: when memory
// can be neither replaced nor dropped, its slot must never be used again.
START_TEST(several_calls_fail)
{
    static const unsigned together[] = {
        1u << MMAP | 1u << MADVISE,
        1u << MMAP | 1u << MPROTECT,
        1u << MADVISE | 1u << MINCORE,
        1u << MPROTECT | 1u << MREMAP,
        ALL_CALLS,
    };
    enum { COMBINATIONS = sizeof(together) / sizeof(together[0]) };
    unsigned which = together[_i % COMBINATIONS];
    enum setting setting = _i % 2 == 0 ? USUAL : NOT_SCRUBBED;
    unsigned retired = run(setting, which, rates[_i / COMBINATIONS], ENOMEM);
    bool nothing_gives_back = (which & 1u << MMAP) != 0 && (which & 1u << MADVISE) != 0;
    if (!nothing_gives_back)
        ck_assert_uint_eq(retired, 0);
    else if (rates[_i / COMBINATIONS] == 1)
        ck_assert_uint_gt(retired, 0);
}
END_TEST

// Breaks when a call that is optional is not: each fails or, the clock, jumps all the time, where
// it is made.
START_TEST(an_optional_call_fails)
{
    static const struct {
        enum fault_call call;
        enum setting setting;
    } cases[] = {
        {POPULATE, USUAL},    {POPULATE, PREWARMED}, {MEMBARRIER, USUAL}, {MEMBARRIER, BEHIND},
        {CLOCK, USUAL},       {CLOCK, BEHIND},       {CLOCK, PREWARMED},  {SYSINFO, USUAL},
        {FUTEX, BEHIND},      {FUTEX, PREWARMED},    {MINCORE, BEHIND},   {MADVISE, BEHIND},
        {MADVISE, PREWARMED}, {MMAP, BEHIND},
    };
    ck_assert_int_lt(_i, sizeof(cases) / sizeof(cases[0]));
    static struct model model;
    start(cases[_i].setting, &model, "optional");
    fault_begin_by_chance(1u << cases[_i].call, 1, _i % 2 == 0);
    prewarm();
    steps(&model, STEPS / UNIT_SLOWER);
    ck_assert_uint_eq(finish(&model), 0);
}
END_TEST

// ---- By chance -------------------------------------------------------------------------------

static const unsigned chances[] = {2, 7, 50};

enum { CHANCES = sizeof(chances) / sizeof(chances[0]) };

// Breaks when any mixture of failures, some of them half-way, crashes, hangs, shows old bytes,
// loses a buffer or a slot, or changes errno.
START_TEST(calls_fail_by_chance)
{
    enum setting setting = (enum setting)(_i / CHANCES);
    static struct model model;
    start(setting, &model, "by chance");
    fault_begin_by_chance(ALL_CALLS, chances[_i % CHANCES], model_below(&model, 2) == 0);
    prewarm();
    steps(&model, 2 * STEPS / UNIT_SLOWER);
    ck_assert(fault_failures() > 0 || UNIT_SLOWER > 1);
    finish(&model);
}
END_TEST

// ---- One buffer, one call --------------------------------------------------------------------

static void start_default(void)
{
    fault_install();
    unit_pool_start_default();
}

// Breaks when a get whose commit fails loses the slot or returns memory that is not accessible.
START_TEST(a_refused_commit_is_a_null)
{
    start_default();
    static const size_t sizes[] = {ZP_MIB, 4 * ZP_MIB};
    fault_begin(1u << MPROTECT, 1, ENOMEM);
    errno = MODEL_ERRNO;
    ck_assert_ptr_null(unit_get(sizes[_i]));
    ck_assert_int_eq(errno, MODEL_ERRNO);
    ck_assert_uint_eq(unit_counters().refused, 1);
    fault_end();
    struct zp_slot *slot = unit_get(sizes[_i]);
    ck_assert_ptr_nonnull(slot);
    memset(slot->base, 1, slot->usable);
    zp_pool_put(slot->base);
}
END_TEST

// Breaks when a buffer whose scrubbing failed is handed out dirty.
START_TEST(a_failed_scrub_is_never_reused_dirty)
{
    start_default();
    static const size_t sizes[] = {ZP_MIB, 4 * ZP_MIB};
    struct zp_slot *slot = unit_get(sizes[_i]);
    memset(slot->base, 0xAB, slot->committed / 2); // the other half has no pages: to be dropped
    fault_begin(1u << MADVISE, 1, EINVAL);
    zp_pool_put(slot->base);
    ck_assert_uint_eq(unit_counters().unretained, 1);
    fault_end();
    struct zp_slot *again = unit_get(sizes[_i]);
    ck_assert_ptr_eq(again, slot);
    ck_assert(zp_slot_is_zero(again));
    ck_assert(unit_is_zero(again->base, again->committed));
}
END_TEST

// Breaks when a slot that the kernel did not take back is used again with its old content.
START_TEST(a_slot_that_cannot_be_emptied_is_retired)
{
    start_default();
    static const size_t sizes[] = {ZP_MIB, 4 * ZP_MIB};
    struct zp_slot *slot = unit_get(sizes[_i]);
    memset(slot->base, 0xAB, slot->committed / 2);
    fault_begin(1u << MADVISE | 1u << MMAP, 1, ENOMEM);
    errno = MODEL_ERRNO;
    zp_pool_put(slot->base);
    ck_assert_int_eq(errno, MODEL_ERRNO);
    ck_assert_int_eq(slot->state, ZP_SLOT_RETIRED);
    fault_end();
    for (unsigned i = 0; i < 20; i++) {
        struct zp_slot *other = unit_get(sizes[_i]);
        ck_assert(other != slot);
        if (other == NULL)
            break;
        ck_assert(unit_is_zero(other->base, 64));
    }
}
END_TEST

// Breaks when shrinking a buffer whose tail the kernel does not take harms what is kept.
START_TEST(a_tail_that_is_not_taken_stays)
{
    start_default();
    struct zp_slot *slot = unit_get(4 * ZP_MIB);
    memset(slot->base, 0xAB, slot->usable);
    fault_begin(1u << MADVISE | 1u << MMAP, 1, ENOMEM);
    ck_assert(zp_pool_resize(slot, ZP_MIB));
    fault_end();
    for (size_t i = 0; i < ZP_MIB; i++)
        MUST(slot->base[i] == (char)0xAB);
    ck_assert_uint_ge(slot->committed, ZP_MIB);
    zp_pool_put(slot->base);
    slot = unit_get(4 * ZP_MIB);
    ck_assert(unit_is_zero(slot->base, slot->committed));
}
END_TEST

// Breaks when a standalone slot that could only be emptied in place is later believed to be without
// access, or dirty, or its bytes are counted wrongly.
START_TEST(a_slot_emptied_in_place_is_used_again)
{
    start_default();
    struct zp_slot *slot = unit_get(3 * ZP_MIB);
    memset(slot->base, 0xAB, slot->usable);
    zp_pool_put(slot->base);
    fault_begin(1u << MMAP, 1, ENOMEM);
    zp_pool_trim();
    fault_end();
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_resident_pages(slot->base, 3 * ZP_MIB), 0);
    struct zp_slot *smaller = unit_get(5 * ZP_MIB / 2 + 1);
    ck_assert_ptr_eq(smaller, slot);
    ck_assert(zp_slot_is_zero(smaller));
    ck_assert(unit_is_zero(smaller->base, smaller->committed));
    memset(smaller->base, 1, smaller->committed);
    zp_pool_put(smaller->base);
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, one_call_fails, 0, WORKING * RATES);
    tcase_add_loop_test(tests, one_call_fails_not_scrubbed, 0, WORKING * RATES);
    tcase_add_loop_test(tests, one_call_fails_strict, 0, WORKING * RATES);
    tcase_add_loop_test(tests, several_calls_fail, 0, 5 * RATES);
    tcase_add_loop_test(tests, an_optional_call_fails, 0, 14);
    tcase_add_loop_test(tests, calls_fail_by_chance, 0, SETTINGS * CHANCES);
    tcase_add_loop_test(tests, a_refused_commit_is_a_null, 0, 2);
    tcase_add_loop_test(tests, a_failed_scrub_is_never_reused_dirty, 0, 2);
    tcase_add_loop_test(tests, a_slot_that_cannot_be_emptied_is_retired, 0, 2);
    tcase_add_test(tests, a_tail_that_is_not_taken_stays);
    tcase_add_test(tests, a_slot_emptied_in_place_is_used_again);
    return unit_run("faults", tests);
}
