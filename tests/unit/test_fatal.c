// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/fatal.h"
#include "support.h"

#include <pthread.h>

static struct zp_stack freed = {{(void *)0x20}};

static int bad_pointer(void *pointer)
{
    zp_fatal_pointer("free", " of an address inside a buffer", pointer, NULL);
}

// Breaks when a fatal message has another form, or does not end in SIGABRT: others search for it.
START_TEST(a_fatal_message_aborts)
{
    unit_expect_fatal(bad_pointer, (void *)0x1234,
                      "zeropool: fatal: free of an address inside a buffer (pointer 0x1234)");
}
END_TEST

static char page[4096];

static int late_write(void *found)
{
    zp_fatal_write(page, sizeof(page), found, &freed);
}

static const char *write_line(const char *what)
{
    static char line[256];
    snprintf(line, sizeof(line), "zeropool: fatal: write after free at offset %s (pointer %p)",
             what, (void *)page);
    return line;
}

// Breaks when offset, size or bytes are wrong, or bytes behind the end are read.
START_TEST(a_late_write_is_told_in_full)
{
    memcpy(page + 16, "\x41\x00\xff\x0f", 4);
    unit_expect_fatal(late_write, page + 16,
                      write_line("16 of a buffer of 4096 bytes: 41 00 ff 0f 00 00 00 00"));
    page[4095] = 7;
    unit_expect_fatal(late_write, page + 4095, write_line("4095 of a buffer of 4096 bytes: 07"));
}
END_TEST

static unsigned here(void **frames, unsigned most)
{
    (void)most;
    frames[0] = (void *)0x10;
    return 1;
}

static bool is_own(void *frame)
{
    (void)frame;
    return false;
}

static void no_name(struct zp_line *line, void *frame)
{
    (void)line;
    (void)frame;
}

static int die(void *unwinder)
{
    zp_stack_init(unwinder, false);
    zp_fatal_pointer("double free", "", (void *)0x1234, &freed);
}

static void expect_report(void *unwinder, const char *expected)
{
    char text[1024];
    int status = unit_in_child(die, unwinder, text, sizeof(text));
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert_str_eq(text, expected);
}

// Breaks when one of the two stacks is missing, or they are mixed up.
START_TEST(both_stacks_follow)
{
    struct zp_unwinder unwinder = {here, is_own, no_name};
    expect_report(&unwinder, "zeropool: fatal: double free (pointer 0x1234)\n"
                             "zeropool: at:\nzeropool:   #0 0x10\n"
                             "zeropool: freed at:\nzeropool:   #0 0x20\n");
}
END_TEST

static unsigned crash(void **frames, unsigned most)
{
    (void)frames;
    (void)most;
    raise(SIGSEGV);
    return 0;
}

static unsigned hang(void **frames, unsigned most)
{
    (void)frames;
    (void)most;
    raise(SIGALRM); // the time is over at once
    return 0;
}

static unsigned fall_again(void **frames, unsigned most)
{
    (void)frames;
    (void)most;
    zp_fatal_pointer("double free", "", (void *)0x5678, NULL);
}

// Breaks when a program whose stack cannot be had crashes in another way, hangs, or goes round in
// circles, instead of ending with its message.
START_TEST(trouble_with_the_stacks_ends_as_well)
{
    struct zp_unwinder unwinder = {_i == 0 ? crash : hang, is_own, no_name};
    expect_report(&unwinder, "zeropool: fatal: double free (pointer 0x1234)\n");
    unwinder.capture = fall_again;
    expect_report(&unwinder, "zeropool: fatal: double free (pointer 0x1234)\n"
                             "zeropool: fatal: double free (pointer 0x5678)\n");
}
END_TEST

static pthread_barrier_t together;

static void *die_together(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&together);
    zp_fatal_pointer("double free", "", (void *)0x1234, &freed);
}

static int die_twice(void *unwinder)
{
    pthread_t thread;
    zp_stack_init(unwinder, false);
    pthread_barrier_init(&together, NULL, 2);
    pthread_create(&thread, NULL, die_together, NULL);
    die_together(NULL);
    return 0;
}

// Breaks when a second thread that finds something ends the program in the middle of the first
// one's report.
START_TEST(one_thread_reports)
{
    struct zp_unwinder unwinder = {here, is_own, no_name};
    char text[1024];
    int status = unit_in_child(die_twice, &unwinder, text, sizeof(text));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    const char *stacks = strstr(text, "zeropool: at:\n");
    ck_assert_ptr_nonnull(stacks);
    ck_assert_ptr_nonnull(strstr(stacks, "zeropool:   #0 0x20\n"));
    ck_assert_ptr_null(strstr(stacks + 1, "zeropool: at:\n"));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_fatal_message_aborts);
    tcase_add_test(tests, a_late_write_is_told_in_full);
    tcase_add_test(tests, both_stacks_follow);
    tcase_add_loop_test(tests, trouble_with_the_stacks_ends_as_well, 0, 2);
    tcase_add_test(tests, one_thread_reports);
    return unit_run("fatal", tests);
}
