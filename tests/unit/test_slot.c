// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/slot.h"
#include "support.h"

// The life cycle as the picture in slot.h has it, from left to right.
static const struct {
    enum zp_slot_state from, to;
} allowed[] = {
    {ZP_SLOT_COLD, ZP_SLOT_TAKEN},        {ZP_SLOT_TAKEN, ZP_SLOT_COLD},
    {ZP_SLOT_TAKEN, ZP_SLOT_LIVE},        {ZP_SLOT_LIVE, ZP_SLOT_TAKEN},
    {ZP_SLOT_TAKEN, ZP_SLOT_CACHED},      {ZP_SLOT_CACHED, ZP_SLOT_TAKEN},
    {ZP_SLOT_LIVE, ZP_SLOT_CACHED},       {ZP_SLOT_CACHED, ZP_SLOT_LIVE},
    {ZP_SLOT_TAKEN, ZP_SLOT_POOLED},      {ZP_SLOT_POOLED, ZP_SLOT_TAKEN},
    {ZP_SLOT_TAKEN, ZP_SLOT_PENDING},     {ZP_SLOT_PENDING, ZP_SLOT_TAKEN},
    {ZP_SLOT_TAKEN, ZP_SLOT_QUARANTINED}, {ZP_SLOT_QUARANTINED, ZP_SLOT_TAKEN},
    {ZP_SLOT_TAKEN, ZP_SLOT_RETIRED},
};

static bool is_allowed(unsigned from, unsigned to)
{
    for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (allowed[i].from == from && allowed[i].to == to)
            return true;
    return false;
}

// Breaks when the table of steps has one too many or one too few, or when what is no state passes
// for one.
START_TEST(the_table_is_the_life_cycle)
{
    for (unsigned from = 0; from <= ZP_SLOT_STATES; from++)
        for (unsigned to = 0; to <= ZP_SLOT_STATES; to++)
            MUST(zp_slot_may_step(from, to) == is_allowed(from, to));
}
END_TEST

// Breaks when an allowed step is refused or does not change the state; or changes more.
START_TEST(an_allowed_step_changes_the_state)
{
    for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        struct zp_slot slot, before;
        memset(&slot, 0x5A, sizeof(slot));
        slot.state = (uint8_t)allowed[i].from;
        before = slot;
        zp_slot_step(&slot, allowed[i].to);
        ck_assert_int_eq(slot.state, allowed[i].to);
        slot.state = before.state;
        ck_assert_mem_eq(&slot, &before, sizeof(slot));
    }
}
END_TEST

#ifndef NDEBUG

struct step {
    unsigned from, to;
};

static int take_step(void *argument)
{
    const struct step *step = argument;
    struct zp_slot slot = {.state = (uint8_t)step->from};
    zp_slot_step(&slot, step->to);
    return 0;
}

// Breaks when a debug build lets a step pass that the table does not have: a buffer with two owners
// would be found much later, if ever.
START_TEST(every_other_step_ends_a_debug_build)
{
    char text[4 * ZP_LINE_MAX];
    for (unsigned from = 0; from < ZP_SLOT_STATES; from++)
        for (unsigned to = 0; to < ZP_SLOT_STATES; to++) {
            struct step step = {from, to};
            int status = unit_in_child(take_step, &step, text, sizeof(text));
            if (is_allowed(from, to)) {
                ck_assert_int_eq(status, 0);
                continue;
            }
            ck_assert(WIFSIGNALED(status));
            ck_assert_int_eq(WTERMSIG(status), SIGABRT);
            ck_assert_ptr_nonnull(strstr(text, "zp_slot_may_step"));
        }
}
END_TEST

#endif

// Breaks when a slot that may hold something passes for zero, or one with pages for empty: it would
// be handed out as it is, or be kept by a fork whose child shares it.
START_TEST(what_is_known_of_its_content)
{
    static const struct {
        enum zp_content content;
        uint32_t warm;
        bool zero, empty;
    } cases[] = {
        {ZP_CONTENT_DIRTY, 0, false, false},   {ZP_CONTENT_DIRTY, 1, false, false},
        {ZP_CONTENT_ZERO, 0, true, true},      {ZP_CONTENT_ZERO, 1, true, false},
        {ZP_CONTENT_RESIDENT, 0, true, false}, {ZP_CONTENT_RESIDENT, 9, true, false},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct zp_slot slot = {.content = (uint8_t)cases[i].content,
                               .warm = cases[i].warm,
                               .reclaimable = ZP_RECLAIMABLE_HUGE};
        ck_assert_int_eq(zp_slot_is_zero(&slot), cases[i].zero);
        ck_assert_int_eq(zp_slot_is_empty(&slot), cases[i].empty);
        zp_slot_set_empty(&slot);
        ck_assert(zp_slot_is_zero(&slot) && zp_slot_is_empty(&slot));
        ck_assert_int_eq(slot.reclaimable, ZP_RECLAIMABLE_NONE);
    }
}
END_TEST

// Breaks when a slot whose mapping the program has changed passes, by its epoch, for one that can
// be cached as it is: the fast paths look at nothing else.
START_TEST(a_change_shows_in_the_epoch)
{
    struct zp_slot slot = {.epoch = zp_arena_epoch()};
    ck_assert_uint_ne(zp_arena_epoch(), ZP_EPOCH_NONE);
    zp_slot_note_change(&slot);
    ck_assert_int_eq(slot.mapping, ZP_MAPPING_CHANGED);
    ck_assert_uint_eq(slot.epoch, ZP_EPOCH_NONE);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_table_is_the_life_cycle);
    tcase_add_test(tests, an_allowed_step_changes_the_state);
#ifndef NDEBUG
    tcase_add_test(tests, every_other_step_ends_a_debug_build);
#else
    puts("steps that are not allowed end debug builds alone: skipped");
#endif
    tcase_add_test(tests, what_is_known_of_its_content);
    tcase_add_test(tests, a_change_shows_in_the_epoch);
    return unit_run("slot", tests);
}
