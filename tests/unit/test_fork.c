// SPDX-License-Identifier: MIT OR Apache-2.0

#define UNIT_FORKS
#include "core/scrub_queue.h"
#include "model.h"

#include <pthread.h>

static void start(const struct zp_pool_config *config)
{
    unit_pool_start(config);
    unit_watch_forks();
}

static void start_default(void)
{
    struct zp_pool_config config = unit_pool_config();
    start(&config);
}

static struct zp_slot *get_filled(size_t size)
{
    struct zp_slot *slot = unit_get(size);
    MUST(slot != NULL);
    memset(slot->base, 0xA5, slot->committed);
    return slot;
}

static bool is_filled(const char *base, size_t length)
{
    return base[0] == (char)0xA5 && memcmp(base, base + 1, length - 1) == 0;
}

static int do_nothing(void *unused)
{
    (void)unused;
    return 0;
}

static void fork_once(void)
{
    unit_expect_success(do_nothing, NULL);
}

// Both layouts.
static const size_t sizes[] = {ZP_MIB, 5 * ZP_MIB};

// ---- Live buffers ----------------------------------------------------------------------------

static int read_write_and_put(void *argument)
{
    struct zp_slot *slot = argument;
    size_t size = slot->committed;
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
    struct zp_slot *slot = get_filled(sizes[_i]);
    unit_expect_success(read_write_and_put, slot);
    ck_assert(is_filled(slot->base, slot->committed));
    ck_assert_int_eq(slot->state, ZP_SLOT_LIVE);
}
END_TEST

// Breaks when a buffer that was live at a fork is scrubbed by the parent, which would copy it, or
// is handed out without being made zero.
START_TEST(the_parent_drops_what_was_live)
{
    start_default();
    struct zp_slot *slot = get_filled(sizes[_i]);
    fork_once();
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_counters().dropped, 1);
    ck_assert_uint_eq(unit_counters().bytes_scrubbed, 0);
    ck_assert_uint_eq(unit_resident_pages(slot->base, sizes[_i]), 0);
    ck_assert_ptr_eq(unit_get(sizes[_i]), slot);
    ck_assert(unit_is_zero(slot->base, sizes[_i]));
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
    ck_assert(is_filled(slot->base, slot->committed));
}
END_TEST

// ---- Pooled buffers --------------------------------------------------------------------------

// Breaks when a fork costs the parent its pooled buffers, or their pages.
START_TEST(the_parent_keeps_what_is_pooled)
{
    start_default();
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = get_filled(sizes[_i]);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    unsigned mappings = unit_mappings();
    for (unsigned i = 0; i < 5; i++)
        fork_once();
    ck_assert_uint_le(unit_mappings(), mappings);
    ck_assert_uint_eq(zp_budget_used(), 3 * sizes[_i]);
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = unit_get(sizes[_i]);
        ck_assert(slot == slots[0] || slot == slots[1] || slot == slots[2]);
        ck_assert(zp_slot_is_zero(slot));
        ck_assert_uint_eq(unit_resident_pages(slot->base, sizes[_i]), sizes[_i] / unit_page());
        ck_assert(unit_is_zero(slot->base, sizes[_i]));
        memset(slot->base, 1, sizes[_i]);
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
    if (stats.retained != zp_budget_used() || zp_counters_served(&stats.counters) != 0)
        return 1;
    static struct model model;
    model_start(&model, config, 6 * ZP_MIB, unit_random_start("child", 12));
    for (unsigned i = 0; i < 300 / UNIT_SLOWER; i++)
        model_step(&model);
    model_use_every_slot(model_finish(&model));
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
    model_use_every_slot(model_finish(&model));
}
END_TEST

static int check_marks(void *argument)
{
    const struct model_buffer *buffer = argument;
    marks_check(&buffer->marks, buffer->base, buffer->committed, 0);
    return 0;
}

// Breaks when a buffer that was pooled at one fork and is live at the next is not there in the
// second child.
START_TEST(what_was_left_out_once_is_inherited_when_live)
{
    start_default();
    size_t small = sizes[_i] - sizes[_i] / 16;
    struct zp_slot *slots[3];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = get_filled(small);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    fork_once();
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = unit_get(sizes[_i]); // and longer than before
        ck_assert(slot == slots[0] || slot == slots[1] || slot == slots[2]);
        struct model_buffer buffer = {
            .base = slot->base, .committed = slot->committed, .marks = {i, 1}};
        marks_write(&buffer.marks, buffer.base, 0, buffer.committed);
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
    size_t size = sizes[_i / 2], small = size - size / 16;
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
        struct model_buffer buffer = {
            .base = slot->base, .committed = slot->committed, .marks = {i, 1}};
        marks_write(&buffer.marks, buffer.base, 0, buffer.committed);
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
    if (slot != pooled || !zp_slot_is_zero(slot) || !unit_is_zero(slot->base, slot->committed))
        return 2;
    memset(slot->base, 1, slot->committed);
    zp_pool_put(slot->base);
    return slot->state == ZP_SLOT_CACHED ? 0 : 3; // nobody else has its pages
}

// Breaks when a buffer without pages, or with so few that it is not worth the calls, is left out of
// a child, is lost to either side, or is used with pages that the other side has too.
START_TEST(what_is_not_worth_a_mark_stays_pooled)
{
    start_default();
    zp_os_calls.madvise = count_marks;
    struct zp_slot *slot = unit_get(sizes[_i / 2]);
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
    if (cold_slots != 6 || stats.retained != 0 || zp_budget_used() != 0)
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
        marks_check_none(slot->base, 0, slot->committed, 16);
        const struct marks marks = {unit_random(&random), 16};
        marks_write(&marks, slot->base, 0, slot->committed);
        if (unit_random_below(&random, 4) == 0) {
            struct zp_slot *moved = zp_pool_move(slot, 2 * slot->committed);
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
        if (slot == NULL || !unit_is_zero(slot->base, slot->committed))
            return 1;
        memset(slot->base, 1, slot->committed);
        zp_pool_put(slot->base);
    }
    if (!unit_comes_true(all_is_scrubbed))
        return 3;
    zp_pool_end(); // the helper, if there is one, may have a buffer in its hands
    zp_pool_trim();
    return zp_budget_used() == 0 ? 0 : 2;
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
        kept[i] = unit_get(sizes[i]);
        MUST(kept[i] != NULL && unit_is_zero(kept[i]->base, sizes[i]));
        memset(kept[i]->base, 1, sizes[i]);
        zp_pool_put(get_filled(sizes[i])->base);
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
    model_use_every_slot(model_finish(&model));
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
    model_use_every_slot(model_finish(&model));
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
    tcase_add_loop_test(tests, a_live_buffer_is_inherited, 0, 2);
    tcase_add_loop_test(tests, the_parent_drops_what_was_live, 0, 2);
    tcase_add_test(tests, freeing_in_the_child_copies_nothing);
    tcase_add_loop_test(tests, the_parent_keeps_what_is_pooled, 0, 2);
    tcase_add_loop_test(tests, the_child_has_a_pool_in_order, 0, 2);
    tcase_add_loop_test(tests, what_was_left_out_once_is_inherited_when_live, 0, 2);
    tcase_add_loop_test(tests, refused_advice_does_no_harm, 0, 4);
    tcase_add_loop_test(tests, what_is_not_worth_a_mark_stays_pooled, 0, 4);
    tcase_add_loop_test(tests, a_fork_inside_the_pool_leaves_it_as_it_is, 0, 2);
    tcase_add_test(tests, caches_of_missing_threads_are_given_up);
    tcase_add_loop_test(tests, forks_while_threads_work, 0, 2);
    tcase_add_test(tests, children_fork);
    tcase_add_loop_test(tests, handlers_of_others_may_allocate, 0, 4);
    tcase_add_test(tests, a_fork_does_not_end_what_an_earlier_one_shared);
    tcase_add_test(tests, handlers_of_others_leave_the_child_in_order);
    return unit_run("fork", tests);
}
