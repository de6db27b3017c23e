// SPDX-License-Identifier: MIT OR Apache-2.0

#include "forks.h"

// ---- Live buffers ----------------------------------------------------------------------------

static int read_write_and_put(void *argument)
{
    struct zp_slot *slot = argument;
    size_t size = slot->usable;
    if (!is_filled(slot->base, size))
        return 1;
    slot->base[0] = 1;
    zp_pool_put(slot->base);
    if (unit_counters().dropped != 1 || slot->state != ZP_SLOT_COLD)
        return 2;
    struct zp_slot *again = unit_get(size);
    if (again == NULL || !zp_slot_is_zero(again) || !unit_is_zero(again->base, size))
        return 3;
    memset(again->base, 1, size);
    zp_pool_put(again->base);
    return again->state == ZP_SLOT_CACHED ? 0 : 4; // the child's own by now
}

// Breaks when a child does not see a buffer as it was, cannot free it, or the parent's changes with
// it.
START_TEST(a_live_buffer_is_inherited)
{
    start_default();
    struct zp_slot *slot = get_filled(forks_sizes[_i]);
    unit_expect_success(read_write_and_put, slot);
    ck_assert(is_filled(slot->base, slot->usable));
    ck_assert_int_eq(slot->state, ZP_SLOT_LIVE);
}
END_TEST

// Breaks when a buffer that was live at a fork is scrubbed by the parent, which would copy it, or
// is handed out without being made zero.
START_TEST(the_parent_drops_what_was_live)
{
    start_default();
    struct zp_slot *slot = get_filled(forks_sizes[_i]);
    fork_once();
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_counters().dropped, 1);
    ck_assert_uint_eq(unit_counters().bytes_scrubbed, 0);
    ck_assert_uint_eq(unit_resident_pages(slot->base, forks_sizes[_i]), 0);
    ck_assert_ptr_eq(unit_get(forks_sizes[_i]), slot);
    ck_assert(unit_is_zero(slot->base, forks_sizes[_i]));
    // It is the parent's own again.
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
}
END_TEST

// Memory that this process shares with no other and has written, in KiB.
static size_t private_dirty(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    if (file == NULL)
        return 0;
    char line[256];
    size_t kib = 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Private_Dirty: %zu", &kib) == 1)
            break;
    fclose(file);
    return kib;
}

static int put_large(void *argument)
{
    struct zp_slot *slot = argument;
    size_t before = private_dirty();
    zp_pool_put(slot->base);
    return private_dirty() <= before + 1024 ? 0 : 1;
}

// Breaks when a child that frees what it inherited gets a copy of it first.
START_TEST(freeing_in_the_child_copies_nothing)
{
    start_default();
    struct zp_slot *slot = get_filled(48 * ZP_MIB);
    unit_expect_success(put_large, slot);
    ck_assert(is_filled(slot->base, slot->usable));
}
END_TEST

// ---- Pooled buffers --------------------------------------------------------------------------

// Breaks when a fork costs the parent its pooled buffers, or their pages.
START_TEST(the_parent_keeps_what_is_pooled)
{
    start_default();
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = get_filled(forks_sizes[_i]);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    unsigned mappings = unit_mappings();
    for (unsigned i = 0; i < 5; i++)
        fork_once();
    ck_assert_uint_le(unit_mappings(), mappings);
    ck_assert_uint_eq(zp_budget_used(), 3 * forks_sizes[_i]);
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = unit_get(forks_sizes[_i]);
        ck_assert(slot == slots[0] || slot == slots[1] || slot == slots[2]);
        ck_assert(zp_slot_is_zero(slot));
        ck_assert_uint_eq(unit_resident_pages(slot->base, forks_sizes[_i]),
                          forks_sizes[_i] / unit_page());
        ck_assert(unit_is_zero(slot->base, forks_sizes[_i]));
        memset(slot->base, 1, forks_sizes[_i]);
    }
    ck_assert_uint_eq(unit_counters().shard_hits, 3);
    zp_pool_put(slots[0]->base);
    ck_assert_uint_eq(unit_counters().dropped, 0);
}
END_TEST

static int start_afresh(void *argument)
{
    const struct zp_pool_config *config = argument;
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    if (stats.retained_bytes != zp_budget_used() || zp_counters_served(&stats.counters) != 0)
        return 1;
    static struct model model;
    model_start(&model, config, 6 * ZP_MIB, unit_random_start("child", 12));
    for (unsigned i = 0; i < 300 / UNIT_SLOWER; i++)
        model_step(&model);
    model_use_every_slot(&model, model_finish(&model));
    return 0;
}

// Breaks when a child finds a pooled buffer with holes, dirty, or in two places, or when slots that
// were pooled at the fork are of no use to it.
START_TEST(the_child_has_a_pool_in_order)
{
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = _i == 0;
    start(&config);
    static struct model model;
    model_start(&model, &config, 6 * ZP_MIB, unit_random_start("parent", 11));
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 150 / UNIT_SLOWER; i++)
            model_step(&model);
        while (model.count > 8)
            model_put(&model, 0);
        // The child has a model of its own and leaves the parent's buffers alone, all but at the
        // end.
        while (round == 4 && model.count > 0)
            model_put(&model, 0);
        if (round == 4)
            unit_expect_success(start_afresh, &config);
        else
            fork_once();
    }
    model_use_every_slot(&model, model_finish(&model));
}
END_TEST

static int check_marks(void *argument)
{
    const struct model_buffer *buffer = argument;
    marks_check(&buffer->marks, buffer->base, buffer->usable, 0);
    return 0;
}

// Breaks when a buffer that was pooled at one fork and is live at the next is not there in the
// second child.
START_TEST(what_was_left_out_once_is_inherited_when_live)
{
    start_default();
    size_t small = forks_sizes[_i] - forks_sizes[_i] / 16;
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = get_filled(small);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    fork_once();
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = unit_get(forks_sizes[_i]); // and longer than before
        ck_assert(slot == slots[0] || slot == slots[1] || slot == slots[2]);
        struct model_buffer buffer = {.base = slot->base, .usable = slot->usable, .marks = {i, 1}};
        marks_write(&buffer.marks, buffer.base, 0, buffer.usable);
        unit_expect_success(check_marks, &buffer);
    }
}
END_TEST

static int refused_advice;
static unsigned refusals;

static int refuse_advice(void *address, size_t length, int advice)
{
    if (advice == refused_advice) {
        refusals++;
        errno = ENOMEM;
        return -1;
    }
    return madvise(address, length, advice);
}

// Breaks when the kernel's refusal to leave memory out of a fork, or to take that back, makes a
// later child miss memory, or the parent hand out old bytes.
START_TEST(refused_advice_does_no_harm)
{
    start_default();
    size_t size = forks_sizes[_i / 2], small = size - size / 16;
    refused_advice = _i % 2 == 0 ? MADV_DONTFORK : MADV_DOFORK;
    zp_os_calls.madvise = refuse_advice;
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = get_filled(small);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    fork_once();
    ck_assert_uint_gt(refusals, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = unit_get(size);
        ck_assert_ptr_nonnull(slot);
        ck_assert(zp_slot_is_zero(slot) && unit_is_zero(slot->base, size));
        struct model_buffer buffer = {.base = slot->base, .usable = slot->usable, .marks = {i, 1}};
        marks_write(&buffer.marks, buffer.base, 0, buffer.usable);
        unit_expect_success(check_marks, &buffer);
    }
}
END_TEST

static unsigned marks_asked_for;

static int count_marks(void *address, size_t length, int advice)
{
    marks_asked_for += advice == MADV_DONTFORK;
    return madvise(address, length, advice);
}

static int use_pooled(void *argument)
{
    struct zp_slot *pooled = argument;
    if (pooled->state != ZP_SLOT_POOLED || zp_budget_used() != pooled->committed)
        return 1;
    struct zp_slot *slot = unit_get(pooled->committed);
    if (slot != pooled || !zp_slot_is_zero(slot) || !unit_is_zero(slot->base, slot->usable))
        return 2;
    memset(slot->base, 1, slot->usable);
    zp_pool_put(slot->base);
    return slot->state == ZP_SLOT_CACHED ? 0 : 3; // nobody else has its pages
}

// Breaks when a buffer without pages, or with so few that it is not worth the calls, is left out of
// a child, is lost to either side, or is used with pages that the other side has too.
START_TEST(what_is_not_worth_a_mark_stays_pooled)
{
    start_default();
    zp_os_calls.madvise = count_marks;
    struct zp_slot *slot = unit_get(forks_sizes[_i / 2]);
    memset(slot->base, 1, (size_t)(_i % 2) * unit_page());
    zp_pool_put(slot->base);
    unit_expect_success(use_pooled, slot);
    ck_assert_uint_eq(marks_asked_for, 0);
    ck_assert_int_eq(use_pooled(slot), 0);
}
END_TEST

// What a signal handler that forks may have interrupted.
static void enter_pool(int way)
{
    if (way == 0)
        ck_assert(zp_thread_cache_try_enter(zp_thread_cache));
    else
        zp_lock_take(&zp_region_use[0].lock);
}

static void leave_pool(int way)
{
    if (way == 0)
        zp_thread_cache_leave(zp_thread_cache);
    else
        zp_lock_release(&zp_region_use[0].lock);
}

static int interrupted_way;

static int go_on_inside(void *pooled)
{
    leave_pool(interrupted_way);
    return zp_fork_is_inside() ? 9 : use_pooled(pooled);
}

// Breaks when a fork that interrupted the pool waits for a lock of its own thread, or changes what
// that thread goes on with, in the parent or the child; or when it forgets what both now share.
START_TEST(a_fork_inside_the_pool_leaves_it_as_it_is)
{
    start_default();
    zp_os_calls.madvise = count_marks;
    interrupted_way = _i;
    struct zp_slot *slot = get_filled(ZP_MIB);
    zp_pool_put(slot->base);
    zp_pool_flush();
    ck_assert(!zp_fork_is_inside());
    enter_pool(_i);
    ck_assert(zp_fork_is_inside());
    unit_expect_success(go_on_inside, slot);
    leave_pool(_i);
    ck_assert_uint_eq(marks_asked_for, 0);
    ck_assert(!zp_fork_is_inside());
    ck_assert_int_eq(slot->state, ZP_SLOT_POOLED);
    ck_assert_uint_ne(slot->epoch, zp_arena_epoch());
    ck_assert_int_eq(use_pooled(slot), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, a_live_buffer_is_inherited, 0, 2);
    tcase_add_loop_test(tests, the_parent_drops_what_was_live, 0, 2);
    tcase_add_test(tests, freeing_in_the_child_copies_nothing);
    tcase_add_loop_test(tests, the_parent_keeps_what_is_pooled, 0, 2);
    tcase_add_loop_test(tests, the_child_has_a_pool_in_order, 0, 2);
    tcase_add_loop_test(tests, what_was_left_out_once_is_inherited_when_live, 0, 2);
    tcase_add_loop_test(tests, refused_advice_does_no_harm, 0, 4);
    tcase_add_loop_test(tests, what_is_not_worth_a_mark_stays_pooled, 0, 4);
    tcase_add_loop_test(tests, a_fork_inside_the_pool_leaves_it_as_it_is, 0, 2);
    return unit_run("fork", tests);
}
