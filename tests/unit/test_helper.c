// SPDX-License-Identifier: MIT OR Apache-2.0

#define UNIT_FORKS
#include "core/background.h"
#include "core/helper.h"
#include "support.h"

#include <dirent.h>
#include <pthread.h>

// As the user that the last test becomes, the sanitizer cannot look for leaks.
#ifdef __SANITIZE_ADDRESS__
__attribute__((visibility("default"))) const char *
__asan_default_options(void); // NOLINT(bugprone-reserved-identifier)

const char *__asan_default_options(void) // NOLINT(bugprone-reserved-identifier)
{
    return "detect_leaks=0";
}
#endif

static _Atomic int left;  // parts of work
static _Atomic int parts; // done
static _Atomic bool at_work, signals_are_blocked;
static _Atomic pid_t helper_id;
static char name[16];
static _Atomic unsigned slow_us;

static _Atomic uint32_t later = ZP_NEVER; // work of the next moment, in so many milliseconds
static _Atomic int asides;

// What the helper does, in place of core/background.c: the linker takes these for it.

uint32_t zp_background_due(void)
{
    return left > 0 ? 0 : later;
}

void zp_background_aside(void)
{
    asides++;
}

void zp_background_part(void)
{
    at_work = true;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    signals_are_blocked =
        sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGUSR1);
    pthread_getname_np(pthread_self(), name, sizeof(name));
    helper_id = (pid_t)syscall(SYS_gettid);
    usleep(slow_us);
    left--;
    parts++;
    at_work = false;
}

// By name: a sanitizer may have a thread of its own.
static unsigned count_helpers(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    MUST(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300], comm[16] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue; // no thread, or one that has just ended
        count += fgets(comm, sizeof(comm), file) != NULL && strcmp(comm, "zeropool\n") == 0;
        fclose(file);
    }
    closedir(tasks);
    return count;
}

static void start(void)
{
    MUST(count_helpers() == 0);
    zp_helper_init();
}

static bool work_is_done(void)
{
    return left == 0 && !at_work;
}

static bool is_alone(void)
{
    return count_helpers() == 0;
}

static void give(int work)
{
    left += work;
    errno = 4711;
    ck_assert(zp_helper_call());
    ck_assert_int_eq(errno, 4711);
}

// Breaks when the helper is there before it is called, does not do all work, is not named, can be
// hit by the program's signals, or stays for good.
START_TEST(it_comes_works_and_goes)
{
    start();
    give(5);
    ck_assert(unit_comes_true(work_is_done));
    ck_assert_int_eq(parts, 5);
    ck_assert(signals_are_blocked);
    ck_assert_str_eq(name, "zeropool");
    pid_t first;
    do { // a busy machine may not come back to this thread while it lingers
        first = helper_id;
        give(1);
        ck_assert(unit_comes_true(work_is_done));
    } while (helper_id != first);
    ck_assert(unit_comes_true(is_alone));
    give(1); // it comes again
    ck_assert(unit_comes_true(work_is_done));
    ck_assert_int_ne(helper_id, first);
}
END_TEST

static bool is_there(void)
{
    return count_helpers() == 1;
}

// Breaks when a helper that waits for a later moment ends meanwhile, does not come back for it, or
// when what a fork does not wait for is left out.
START_TEST(it_waits_for_what_is_due_later)
{
    start();
    later = 50;
    ck_assert(zp_helper_keep());
    ck_assert(unit_comes_true(is_there));
    usleep(1500 * 1000); // longer than it lingers without work
    ck_assert_uint_eq(count_helpers(), 1);
    ck_assert_int_eq(parts, 0);
    left = 2; // its moment has come: nobody calls
    later = ZP_NEVER;
    ck_assert(unit_comes_true(work_is_done));
    ck_assert(unit_comes_true(is_alone));
    ck_assert_int_eq(asides, 2);
}
END_TEST

// Breaks when work that comes at any moment of the helper's coming and going is forgotten.
START_TEST(no_work_is_forgotten)
{
    start();
    struct unit_random random = unit_random_start("helper", 1);
    for (unsigned i = 0; i < 2000 / UNIT_SLOWER; i++) {
        give(1);
        if (unit_random_below(&random, 2) == 0)
            usleep((unsigned)unit_random_below(&random, 200));
    }
    ck_assert(unit_comes_true(work_is_done));
}
END_TEST

// Breaks when the helper works while a fork is under way, or not after it, or in the child.
START_TEST(a_pause_is_between_two_parts)
{
    slow_us = 300;
    start();
    give(2000);
    for (unsigned i = 0; i < 50; i++) {
        zp_helper_pause();
        MUST(!at_work);
        int before = parts;
        usleep(500);
        MUST(parts == before);
        zp_helper_resume();
        usleep(700);
    }
    slow_us = 0;
    ck_assert(unit_comes_true(work_is_done));
    ck_assert_int_eq(parts, 2000);
}
END_TEST

static int work_in_child(void *unused)
{
    (void)unused;
    zp_helper_reset();
    if (count_helpers() != 0)
        return 1;
    left = 3;
    parts = 0;
    if (!zp_helper_call() || !unit_comes_true(work_is_done))
        return 2;
    return parts == 3 ? 0 : 3;
}

// Breaks when a child takes its parent's helper for its own.
START_TEST(a_child_gets_its_own)
{
    start();
    give(1);
    ck_assert(unit_comes_true(work_is_done));
    zp_helper_pause();
    unit_expect_success(work_in_child, NULL);
    zp_helper_resume();
    give(1);
    ck_assert(unit_comes_true(work_is_done));
}
END_TEST

// Breaks when the helper works on after it was stopped, or comes again.
START_TEST(it_stops_for_good)
{
    slow_us = 200;
    start();
    give(100000);
    usleep(2000);
    zp_helper_stop();
    int before = parts;
    ck_assert(!zp_helper_call());
    usleep(3000);
    ck_assert_int_eq(parts, before);
    ck_assert(unit_comes_true(is_alone));
}
END_TEST

// Breaks when a process that may have no more threads is told that it has a helper.
START_TEST(there_may_be_none)
{
    bool root = geteuid() == 0;
    if (root)
        ck_assert_int_eq(setresuid(65534, 65534, 0), 0); // root has no such limit
    struct rlimit none = {0, 0};
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
    start();
    left = 1;
    errno = 4711;
    ck_assert(!zp_helper_call());
    ck_assert_int_eq(errno, 4711);
    ck_assert(!zp_helper_call());
    ck_assert_int_eq(parts, 0);
    zp_helper_stop();
    if (root)
        ck_assert_int_eq(setresuid(0, 0, 0), 0); // coverage is written when the test ends
}
END_TEST

// Breaks when the helper hangs, or burns more than it must, where the kernel neither waits nor
// wakes.
static int refuse_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *time)
{
    (void)word;
    (void)operation;
    (void)value;
    (void)time;
    errno = EPERM;
    return -1;
}

START_TEST(it_works_without_waiting)
{
    zp_os_calls.futex = refuse_futex;
    start();
    give(50);
    zp_helper_pause();
    zp_helper_resume();
    ck_assert(unit_comes_true(work_is_done));
    zp_helper_stop();
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, it_comes_works_and_goes);
    tcase_add_test(tests, it_waits_for_what_is_due_later);
    tcase_add_test(tests, no_work_is_forgotten);
    tcase_add_test(tests, a_pause_is_between_two_parts);
    tcase_add_test(tests, a_child_gets_its_own);
    tcase_add_test(tests, it_stops_for_good);
    tcase_add_test(tests, there_may_be_none);
    tcase_add_test(tests, it_works_without_waiting);
    return unit_run("helper", tests);
}
