// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/scrub_team.h"
#include "core/team.h"
#include "support.h"

#include <dirent.h>

enum { CPUS = 4 };

static const size_t size = 40 * ZP_MIB + 12 * ZP_KIB;

// The processor has as many CPUs as the configuration says, and is done with nothing in its cache.
static void start(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = 24 * ZP_GIB;
    config.budget = 512 * ZP_MIB;
    config.content.cpu_cache = 0;
    config.read.cpus = CPUS;
    unit_pool_start(&config);
}

static unsigned all_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    unsigned count = 0;
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;)
        count += task->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static unsigned at_first;

#ifdef UNIT_TSAN
enum { OF_SANITIZER = 1 }; // it starts one with the first of the program's
#else
enum { OF_SANITIZER = 0 };
#endif

static unsigned threads(void)
{
    return all_threads() - at_first;
}

static unsigned usable_cpus(void)
{
    unsigned cpus = zp_os_cpus();
    return cpus < CPUS ? cpus : CPUS;
}

static struct zp_slot *get_written(void)
{
    struct zp_slot *slot = unit_get_or_fail(size);
    memset(slot->base, 0xA5, slot->committed);
    return slot;
}

// Breaks when a part is left out or scrubbed beyond the buffer: of one that is known to be in
// memory, and of one that is not.
START_TEST(all_of_it_is_zero)
{
    start();
    for (unsigned round = 0; round < 4; round++) {
        struct zp_slot *slot = get_written(), *behind = get_written();
        uint64_t before = unit_counters().bytes_scrubbed;
        zp_pool_put(slot->start);
        ck_assert(unit_is_zero(slot->base, slot->committed));
        ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
        ck_assert_uint_eq(unit_counters().bytes_scrubbed - before, slot->committed);
        ck_assert_int_eq((unsigned char)behind->start[0], 0xA5);
        ck_assert_uint_eq(zp_team_open_works(), 0);
        zp_pool_put(behind->start);
    }
}
END_TEST

// Breaks when nobody is there to help, or somebody is for what is too small.
START_TEST(members_are_called_up_for_what_is_large)
{
    at_first = all_threads();
    start();
    unit_put_written(unit_get_or_fail(4 * ZP_MIB));
    ck_assert_uint_eq(threads(), 0);
    zp_pool_put(get_written()->start);
    unsigned others = usable_cpus() - 1;
    ck_assert_uint_eq(threads(), others != 0 ? others + OF_SANITIZER : 0);
}
END_TEST

// Breaks when threads are started that nobody asked for, or for a buffer that nobody touched: that
// one is not to be looked through either.
START_TEST(nobody_is_called_up_otherwise)
{
    at_first = all_threads();
    if (_i == 0) {
        unit_pool_start_default();
        zp_pool_put(get_written()->start);
    } else {
        start();
        struct zp_slot *slot = unit_get_or_fail(size);
        slot->start[0] = 1;
        zp_pool_put(slot->start);
        ck_assert_uint_le(unit_resident_pages(slot->base, slot->committed),
                          ZP_HUGE_PAGE / unit_page());
        ck_assert(unit_is_zero(slot->base, slot->committed));
    }
    ck_assert_uint_eq(threads(), 0);
}
END_TEST

// Breaks when members are called up, or CPUs are counted, while a filter may be installed.
START_TEST(nobody_is_called_up_once_the_team_was_dismissed)
{
    at_first = all_threads();
    start();
    zp_team_dismiss();
    zp_pool_put(get_written()->start);
    ck_assert_uint_eq(threads(), 0);
    zp_os_restrict();
    zp_team_allow();
    zp_pool_put(get_written()->start);
    ck_assert_uint_eq(threads(), 0);
}
END_TEST

static int refused_madvise(void *address, size_t length, int advice)
{
    (void)address, (void)length;
    if (advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE)
        return 0;
    errno = ENOMEM;
    return -1;
}

static int refused_mincore(void *address, size_t length, unsigned char *vector)
{
    if (length > unit_page()) {
        errno = EAGAIN;
        return -1;
    }
    return mincore(address, length, vector); // what tells whether all seems to be there
}

// Breaks when a buffer is kept of which a part could not be made zero.
START_TEST(a_part_that_fails)
{
    start();
    struct zp_slot *slot = get_written();
    slot->content = ZP_CONTENT_ZERO; // it is asked about
    zp_os_calls.madvise = refused_madvise;
    zp_os_calls.mincore = refused_mincore;
    zp_pool_put(slot->start);
    ck_assert_int_ne(slot->state, ZP_SLOT_POOLED);
    ck_assert_int_ne(slot->state, ZP_SLOT_CACHED);
}
END_TEST

static void *free_many(void *unused)
{
    for (unsigned i = 0; i < 4; i++) {
        struct zp_slot *slot = get_written();
        zp_pool_put(slot->start);
        slot = unit_get_or_fail(size);
        MUST(unit_is_zero(slot->base, slot->committed));
        zp_pool_put(slot->start);
    }
    return unused;
}

// Breaks when threads that free at once, with more work than there are places for, get in each
// other's way.
START_TEST(threads_that_free_at_once)
{
    enum { THREADS = ZP_TEAM_WORKS + 2 };
    pthread_t others[THREADS];
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = 24 * ZP_GIB;
    config.content.cpu_cache = 0;
    config.read.cpus = CPUS;
    unit_pool_start(&config);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&others[i], NULL, free_many, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(others[i], NULL), 0);
    ck_assert_uint_eq(zp_team_open_works(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, all_of_it_is_zero);
    tcase_add_test(tests, members_are_called_up_for_what_is_large);
    tcase_add_loop_test(tests, nobody_is_called_up_otherwise, 0, 2);
    tcase_add_test(tests, nobody_is_called_up_once_the_team_was_dismissed);
    tcase_add_test(tests, a_part_that_fails);
    tcase_add_test(tests, threads_that_free_at_once);
    return unit_run("scrub_team", tests);
}
