// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A child that has the library although ZEROPOOL_INHERIT=0 was set, or lacks it although it was
// not; a fork that lost the pool; an environment of the program's own that is not passed on as it
// is. usage: inherit with|without: children started in the program's own environment
//        inherit is with|without: what they run

#include "tests/preload/check.h"

#include <malloc.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char program[] = "/proc/self/exe", is[] = "is", with[] = "with", without[] = "without";
static char *expected;
static char shell_line[4200];

// By its path: in a shell /proc/self/exe is the shell.
static void write_shell_line(void)
{
    char path[4096];
    ssize_t length = readlink(program, path, sizeof(path) - 1);
    CHECK(length > 0);
    path[length] = '\0';
    snprintf(shell_line, sizeof(shell_line), "'%s' is %s", path, expected);
}

static void by_exec(void)
{
    pid_t child = fork();
    if (child == 0) {
        execv(program, (char *[]){program, is, expected, NULL});
        _exit(127);
    }
    expect_success(child);
}

static void by_vfork(void)
{
    pid_t child = vfork();
    if (child == 0) {
        execv(program, (char *[]){program, is, expected, NULL});
        _exit(127);
    }
    expect_success(child);
}

static void by_spawn(void)
{
    pid_t child;
    CHECK(posix_spawn(&child, program, NULL, NULL, (char *[]){program, is, expected, NULL},
                      environ) == 0);
    expect_success(child);
}

static void by_system(void)
{
    CHECK(system(shell_line) == 0);
}

static void by_popen(void)
{
    FILE *pipe = popen(shell_line, "r");
    CHECK(pipe != NULL && pclose(pipe) == 0);
}

// The pool stays in a child that runs no other program.
static void by_fork_alone(void)
{
    pid_t child = fork();
    if (child == 0) {
        size_t before = mallinfo2().hblkhd;
        char *buffer = opaque(malloc(3 * MIB));
        CHECK(buffer != NULL && mallinfo2().hblkhd - before >= 3 * MIB);
        free(buffer);
        _exit(0);
    }
    expect_success(child);
}

// An environment that a program made itself is passed on as it is.
static void by_own_environment(const char *list)
{
    char entry[4200], option[] = "ZEROPOOL_INHERIT=0";
    snprintf(entry, sizeof(entry), "LD_PRELOAD=%s", list);
    pid_t child = fork();
    if (child == 0) {
        execve(program, (char *[]){program, is, with, NULL}, (char *[]){entry, option, NULL});
        _exit(127);
    }
    expect_success(child);
}

// The variable twice, of which the dynamic linker takes the last.
static void by_two_variables(const char *list)
{
    char first[] = "LD_PRELOAD=libm.so.6", entry[4200], option[] = "ZEROPOOL_INHERIT=0";
    snprintf(entry, sizeof(entry), "LD_PRELOAD=%s", list);
    pid_t child = fork();
    if (child == 0) {
        execve(program, (char *[]){program, without, NULL}, (char *[]){first, entry, option, NULL});
        _exit(127);
    }
    expect_success(child);
}

int main(int count, char **arguments)
{
    static void (*const ways[])(void) = {by_exec,   by_vfork, by_spawn,
                                         by_system, by_popen, by_fork_alone};
    CHECK(count >= 2);
    if (strcmp(arguments[1], is) == 0) {
        CHECK(count == 3 && library_is_loaded() == (strcmp(arguments[2], with) == 0));
        return 0;
    }
    require_library();
    expected = arguments[1];
    write_shell_line();
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
        ways[way]();
    const char *list = getenv("ZP_LIBRARY"); // unset in the last of these programs
    if (list != NULL) {
        by_own_environment(list);
        by_two_variables(list);
    }
    return 0;
}
