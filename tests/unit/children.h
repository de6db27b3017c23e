// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Running a function in a child process, to see how it ends and what it writes to stderr.

#ifndef ZP_TESTS_UNIT_CHILDREN_H
#define ZP_TESTS_UNIT_CHILDREN_H

#include "core/log.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- What is written to stderr ---------------------------------------------------------------

struct unit_output {
    int file, saved;
};

static inline struct unit_output unit_output_begin(void)
{
    struct unit_output output;
    fflush(stderr);
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    output.file = dup(fileno(file));
    fclose(file);
    output.saved = dup(STDERR_FILENO);
    ck_assert_int_eq(dup2(output.file, STDERR_FILENO), STDERR_FILENO);
    return output;
}

static inline void unit_output_end(struct unit_output output, char *text, size_t most)
{
    dup2(output.saved, STDERR_FILENO);
    close(output.saved);
    ssize_t length = pread(output.file, text, most - 1, 0);
    close(output.file);
    ck_assert_int_ge(length, 0);
    text[length] = '\0';
}

// ---- Children --------------------------------------------------------------------------------

// In a coverage build (scripts/coverage) what a process has executed is written when it calls exit;
// what ends in another way has to say so before. There is no such function in other builds.
void __gcov_dump(void) __attribute__((weak)); // NOLINT(bugprone-reserved-identifier)

static inline void unit_note_coverage(int signal)
{
    (void)signal;
    if (__gcov_dump != NULL)
        __gcov_dump();
}

// Runs `function` in a child of fork, which then exits with what it returns; gives the status of
// waitpid and, if `text` is not NULL, what the child wrote to stderr.
static inline int unit_in_child(int (*function)(void *argument), void *argument, char *text,
                                size_t most)
{
    struct unit_output output = {-1, -1};
    if (text != NULL)
        output = unit_output_begin();
    pid_t child = fork();
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        if (__gcov_dump != NULL)
            signal(SIGABRT, unit_note_coverage); // abort goes on when it returns
        int result = function(argument);
        unit_note_coverage(0);
        _exit(result);
    }
    int status = -1;
    pid_t ended = waitpid(child, &status, 0);
    if (text != NULL)
        unit_output_end(output, text, most);
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(ended, child);
    return status;
}

// Asserts that `function` ends its process with SIGABRT, and that the first line it wrote is
// exactly `expected`; call stacks may follow.
static inline void unit_expect_fatal(int (*function)(void *argument), void *argument,
                                     const char *expected)
{
    char text[4 * ZP_LINE_MAX];
    int status = unit_in_child(function, argument, text, sizeof(text));
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    char *end = strchr(text, '\n');
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    ck_assert_str_eq(text, expected);
}

static inline void unit_expect_success(int (*function)(void *argument), void *argument)
{
    ck_assert_int_eq(unit_in_child(function, argument, NULL, 0), 0);
}

#endif
