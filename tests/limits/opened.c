// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Breaks when the start of the library looks for files that this process has no use for: each costs
// a short program some 10 us. Counts the calls with a path of a program that makes one large
// request, with the library and without.

#include "tests/preload/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_GET_SYSCALL_INFO
#include <linux/ptrace.h>
#endif

// What is promised of a process in a group within a group. Each further one may have two limits,
// what is used of them and how, and a quota of CPUs.
enum { MOST = 24, USUAL_DEPTH = 2, PER_GROUP = 5 };

static bool has_path(uint64_t number)
{
    static const long with_path[] = {
        SYS_openat,     SYS_faccessat, SYS_newfstatat, SYS_readlinkat, SYS_statx,
#ifdef SYS_faccessat2
        SYS_faccessat2,
#endif
#ifdef SYS_open
        SYS_open,       SYS_access,    SYS_stat,       SYS_lstat,      SYS_readlink,
#endif
    };
    for (size_t i = 0; i < sizeof(with_path) / sizeof(with_path[0]); i++)
        if (number == (uint64_t)with_path[i])
            return true;
    return false;
}

static _Noreturn void run_traced(char *program)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(CHECK_SKIP);
    execl(program, program, "request", NULL);
    _exit(1);
}

// Calls with a path in a child that makes one large request.
static unsigned count_paths(void)
{
    char program[] = "/proc/self/exe";
    unsigned count = 0;
    int status;
    pid_t child = fork();
    if (child == 0)
        run_traced(program);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SKIP)
        check_skip("no tracing here");
    CHECK(WIFSTOPPED(status));
    CHECK(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD) == 0);
    for (int signal = 0;;) {
        CHECK(ptrace(PTRACE_SYSCALL, child, NULL, (void *)(intptr_t)signal) == 0);
        CHECK(waitpid(child, &status, 0) == child);
        if (!WIFSTOPPED(status))
            break;
        bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        signal = at_call || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        struct __ptrace_syscall_info info = {0};
        if (!at_call)
            continue;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof(info), &info) < 0)
            check_skip("this kernel does not tell of system calls");
        count += info.op == PTRACE_SYSCALL_INFO_ENTRY && has_path(info.entry.nr);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return count;
}

// Groups between the top of a tree and the own group, at most.
static unsigned depth_of_groups(void)
{
    unsigned deepest = 0;
    char line[4096];
    FILE *list = fopen("/proc/self/cgroup", "re");
    while (list != NULL && fgets(line, sizeof(line), list) != NULL) {
        unsigned depth = 0;
        for (const char *at = strchr(line, '/'); at != NULL; at = strchr(at + 1, '/'))
            depth += at[1] != '\n';
        deepest = depth > deepest ? depth : deepest;
    }
    if (list != NULL)
        fclose(list);
    return deepest;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "request") == 0) {
        free(opaque(malloc(4 * MIB)));
        return 0;
    }
    require_library();
    unsigned depth = depth_of_groups(), with = count_paths();
    unsigned most = MOST + (depth > USUAL_DEPTH ? PER_GROUP * (depth - USUAL_DEPTH) : 0);
    unsetenv("LD_PRELOAD");
    unsigned without = count_paths();
    printf("%u files opened or tried, %u without the library\n", with, without);
    CHECK(with - without <= most);
    return 0;
}
