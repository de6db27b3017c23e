// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/team.h"
#include "support.h"

enum { THREADS = 4, ROUNDS = 400 / UNIT_SLOWER, PARTS = 40 };

struct job {
    struct zp_team_work work;
    uint32_t left, done, by_members;
    bool can_join;
    bool there; // false once its thread has closed it
    pthread_t owner;
};

static bool join_job(struct zp_team_work *work)
{
    const struct job *job = (struct job *)work;
    MUST(__atomic_load_n(&job->there, __ATOMIC_RELAXED));
    return job->can_join;
}

static bool do_part(struct zp_team_work *work)
{
    struct job *job = (struct job *)work;
    MUST(__atomic_load_n(&job->there, __ATOMIC_RELAXED));
    uint32_t left = __atomic_load_n(&job->left, __ATOMIC_RELAXED);
    do {
        if (left == 0)
            return false;
    } while (!__atomic_compare_exchange_n(&job->left, &left, left - 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    if (!pthread_equal(pthread_self(), job->owner))
        __atomic_fetch_add(&job->by_members, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&job->done, 1, __ATOMIC_RELAXED);
    return true;
}

static struct job new_job(uint32_t parts)
{
    return (struct job){.work = {.join = join_job, .part = do_part},
                        .left = parts,
                        .can_join = true,
                        .there = true,
                        .owner = pthread_self()};
}

static struct job *watched;

static bool members_did_all(void)
{
    return __atomic_load_n(&watched->done, __ATOMIC_RELAXED) == PARTS;
}

// Breaks when nobody comes to help, at first or after members have slept.
START_TEST(members_help)
{
    for (int i = 0; i < 20; i++) {
        struct job job = new_job(PARTS);
        watched = &job;
        errno = 4711;
        struct zp_team_slot *slot = zp_team_open(&job.work, 2);
        ck_assert_ptr_nonnull(slot);
        ck_assert_int_eq(errno, 4711);
        ck_assert(unit_comes_true(members_did_all));
        zp_team_close(slot);
        ck_assert_uint_eq(job.by_members, PARTS);
    }
}
END_TEST

static void *open_and_close(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct job job = new_job((uint32_t)i % PARTS);
        job.can_join = i % 7 != 0;
        struct zp_team_slot *slot = zp_team_open(&job.work, 1 + (unsigned)i % 3);
        while (do_part(&job.work)) {
        }
        if (slot != NULL && i % 5 == 0)
            zp_team_limit(slot, (unsigned)i % 4);
        if (slot != NULL)
            zp_team_close(slot);
        MUST(job.done == (uint32_t)i % PARTS);
        __atomic_store_n(&job.there, false, __ATOMIC_RELAXED);
    }
    return unused;
}

// Breaks when a member touches work that has been closed, a part is done twice or not at all, or
// closing waits for ever.
START_TEST(work_comes_and_goes)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(zp_team_open_works(), 0);
}
END_TEST

// Breaks when more is open than there is room for, or a place that was left is not had again.
START_TEST(there_are_so_many_places)
{
    struct job jobs[ZP_TEAM_WORKS + 1];
    struct zp_team_slot *slots[ZP_TEAM_WORKS];
    for (int i = 0; i <= ZP_TEAM_WORKS; i++)
        jobs[i] = new_job(0);
    for (int i = 0; i < ZP_TEAM_WORKS; i++)
        ck_assert_ptr_nonnull(slots[i] = zp_team_open(&jobs[i].work, 1));
    ck_assert_uint_eq(zp_team_open_works(), ZP_TEAM_WORKS);
    ck_assert_ptr_null(zp_team_open(&jobs[ZP_TEAM_WORKS].work, 1));
    zp_team_close(slots[3]);
    ck_assert_ptr_nonnull(slots[3] = zp_team_open(&jobs[ZP_TEAM_WORKS].work, 1));
    for (int i = 0; i < ZP_TEAM_WORKS; i++)
        zp_team_close(slots[i]);
    ck_assert_uint_eq(zp_team_open_works(), 0);
}
END_TEST

// Breaks when work that was opened for nobody, or is closed to all, is touched.
START_TEST(nobody_comes_uninvited)
{
    struct job job = new_job(PARTS);
    struct zp_team_slot *slot = zp_team_open(&job.work, 0);
    ck_assert_ptr_nonnull(slot);
    ck_assert(zp_team_is_left(slot));
    zp_team_close(slot);
    ck_assert_uint_eq(job.left, PARTS);
}
END_TEST

// Breaks when members are left after they were dismissed, or none come afterwards; or any come in a
// process that may start no threads.
START_TEST(they_can_be_dismissed)
{
    struct job job = new_job(PARTS);
    watched = &job;
    struct zp_team_slot *slot = zp_team_open(&job.work, 3);
    ck_assert(unit_comes_true(members_did_all));
    zp_team_close(slot);
    zp_team_dismiss();
    ck_assert_ptr_null(zp_team_open(&job.work, 1));
    zp_team_call_up(3);
    ck_assert_ptr_null(zp_team_open_to_present(&job.work, 1));
    zp_team_allow();
    job = new_job(PARTS);
    slot = zp_team_open(&job.work, 1);
    ck_assert(unit_comes_true(members_did_all));
    zp_team_close(slot);
    zp_os_restrict();
    ck_assert_ptr_null(zp_team_open(&job.work, 1));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, members_help);
    tcase_add_test(tests, work_comes_and_goes);
    tcase_add_test(tests, there_are_so_many_places);
    tcase_add_test(tests, nobody_comes_uninvited);
    tcase_add_test(tests, they_can_be_dismissed);
    return unit_run("team", tests);
}
