// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a report says of the size classes, and of where buffers go.

#include "core/survey.h"
#include "support.h"

static struct zp_pool_stats stats;

static const struct zp_class_stats *class_of(size_t size)
{
    zp_pool_survey(&stats);
    return &stats.classes[zp_class_of(size)];
}

// Breaks when a buffer is counted as what it is not, in another class, or not at all.
START_TEST(each_state_is_counted)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 1;
    unit_pool_start(&config);
    struct zp_slot *slots[3];
    for (int i = 0; i < 3; i++)
        slots[i] = unit_get_or_fail(2 * ZP_MIB);
    const struct zp_class_stats *class = class_of(2 * ZP_MIB);
    ck_assert_uint_eq(class->live, 3);
    ck_assert_uint_eq(class->asked_bytes, 6 * ZP_MIB);
    ck_assert_uint_eq(class->live_bytes, 6 * ZP_MIB);
    ck_assert_uint_eq(class->committed_bytes, 6 * ZP_MIB);
    unit_put_written(slots[0]);
    unit_put_written(slots[1]);
    class = class_of(2 * ZP_MIB);
    ck_assert_uint_eq(class->live, 1);
    ck_assert_uint_eq(class->cached, 1);
    ck_assert_uint_eq(class->pooled, 1);
    ck_assert_uint_eq(class->waiting, 0);
    ck_assert_uint_eq(class->asked_bytes, 2 * ZP_MIB);
    unit_put_written(slots[2]);
    zp_pool_trim();
    class = class_of(2 * ZP_MIB);
    ck_assert_uint_eq(class->live + class->cached + class->pooled, 0);
    ck_assert_uint_eq(class->committed_bytes, 0);
    ck_assert_uint_eq(class->peak_bytes, 6 * ZP_MIB);
    ck_assert_uint_eq(stats.counters.trimmed, 3);
    ck_assert_uint_eq(stats.commits, 3);
    ck_assert_uint_eq(stats.decommits, 3);
    ck_assert_uint_eq(stats.bytes_committed, 6 * ZP_MIB);
}
END_TEST

// Breaks when a buffer that keeps more than was asked for hides it, or one that changes its class
// stays in both.
START_TEST(a_tail_and_a_change_of_class_show)
{
    struct zp_pool_config config = unit_pool_config();
    config.put.thread_cache_bytes = 0;
    unit_pool_start(&config);
    unit_put_written(unit_get_or_fail(4 * ZP_MIB));
    struct zp_slot *slot = unit_get_or_fail(3 * ZP_MIB + ZP_MIB / 2);
    size_t committed = slot->committed;
    ck_assert_uint_gt(committed, slot->usable);
    const struct zp_class_stats *class = class_of(committed);
    ck_assert_uint_eq(class->live, 1);
    ck_assert_uint_eq(class->asked_bytes, 3 * ZP_MIB + ZP_MIB / 2);
    ck_assert_uint_eq(class->live_bytes, committed);
    uint64_t in_classes = 0;
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++)
        in_classes += stats.classes[i].committed_bytes;
    ck_assert_uint_eq(in_classes, committed);
    ck_assert_uint_eq(in_classes, stats.committed_bytes);
}
END_TEST

// Breaks when a put is counted in no place, in two, or in the wrong one.
START_TEST(every_put_has_a_destination)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 1;
    config.budget = 8 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_slot *slots[4];
    for (int i = 0; i < 4; i++)
        slots[i] = unit_get_or_fail(2 * ZP_MIB);
    struct zp_slot *large = unit_get_or_fail(16 * ZP_MIB);
    struct zp_slot *marked = unit_get_or_fail(2 * ZP_MIB);
    zp_pool_note_marks(marked->base, 1);
    zp_pool_put(marked->start);
    zp_pool_put(large->start);
    for (int i = 0; i < 4; i++)
        unit_put_written(slots[i]);
    zp_pool_survey(&stats);
    ck_assert_uint_eq(stats.counters.puts, 6);
    ck_assert_uint_eq(stats.counters.dropped, 1);
    ck_assert_uint_eq(stats.counters.unretained, 1);
    ck_assert_uint_eq(stats.puts_cached, 4);
    ck_assert_uint_eq(stats.counters.puts_shard, 0);
}
END_TEST

// Breaks when what is too large for the thread's cache is taken to be in there.
START_TEST(a_put_into_a_shard_is_counted_there)
{
    struct zp_pool_config config = unit_pool_config();
    config.put.thread_cache_bytes = ZP_MIB;
    unit_pool_start(&config);
    unit_put_written(unit_get_or_fail(2 * ZP_MIB));
    zp_pool_survey(&stats);
    ck_assert_uint_eq(stats.counters.puts_shard, 1);
    ck_assert_uint_eq(stats.puts_cached, 0);
}
END_TEST

// A stopwatch that is 7 later each time.
static uint32_t ticking(void)
{
    return __atomic_add_fetch(&unit_microseconds, 7, __ATOMIC_RELAXED);
}

// Breaks when the time of scrubbing is not counted, or counted where nothing is overwritten.
START_TEST(scrubbing_takes_time)
{
    unit_pool_start_default();
    zp_os_calls.stopwatch = ticking;
    zp_pool_put(unit_get_or_fail(3 * ZP_MIB)->start); // untouched
    ck_assert_uint_eq(unit_counters().scrub_us, 0);
    unit_put_written(unit_get_or_fail(2 * ZP_MIB)); // by mincore
    uint64_t first = unit_counters().scrub_us;
    ck_assert_uint_eq(first, 7);
    unit_put_written(unit_get_or_fail(2 * ZP_MIB)); // wholly in memory: without
    ck_assert_uint_eq(unit_counters().scrub_us, 14);
}
END_TEST

// Breaks when time is called saved that nothing is known of, or that scrubbing took.
START_TEST(saved_time_follows_from_what_was_measured)
{
    unit_pool_start_default();
    for (int i = 0; i < 3; i++)
        unit_put_written(unit_get_or_fail(2 * ZP_MIB));
    zp_pool_survey(&stats);
    ck_assert_uint_gt(stats.counters.warm_pages, 0);
    ck_assert_uint_eq(stats.saved_us, 0); // no page was fetched ahead
    ck_assert_uint_eq(stats.faults_avoided, stats.counters.warm_pages);
}
END_TEST

// Breaks when the child of a fork reports what its parent did.
START_TEST(a_child_counts_from_zero)
{
    unit_pool_start_default();
    unit_watch_forks();
    struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
    unit_put_written(unit_get_or_fail(2 * ZP_MIB));
    pid_t child = fork();
    if (child == 0) {
        zp_pool_survey(&stats);
        bool right = stats.commits == 0 && stats.bytes_committed == 0 && stats.counters.puts == 0 &&
                     stats.classes[zp_class_of(4 * ZP_MIB)].live == 1 &&
                     stats.classes[zp_class_of(4 * ZP_MIB)].peak_bytes == slot->committed;
        unit_note_coverage(0);
        _exit(right ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, each_state_is_counted);
    tcase_add_test(tests, a_tail_and_a_change_of_class_show);
    tcase_add_test(tests, every_put_has_a_destination);
    tcase_add_test(tests, a_put_into_a_shard_is_counted_there);
    tcase_add_test(tests, scrubbing_takes_time);
    tcase_add_test(tests, saved_time_follows_from_what_was_measured);
    tcase_add_test(tests, a_child_counts_from_zero);
    return unit_run("survey", tests);
}
