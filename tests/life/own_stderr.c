// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A message of the library that lands in a file of the program's: descriptor 2 is standard error
// only as long as the program leaves it that. And one that does not arrive although it still is.
// usage: own_stderr HOW WHAT FILE
//   HOW   kept: standard error stays; moved: it goes away and comes back; closed: its number goes
//   to
//         FILE; replaced: FILE takes its place in one step; filtered: closed, and a filter of
//         system calls set
//   WHAT  limit: the pool finds no addresses; fatal: a double free, in a child

#include "tests/preload/check.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int file;

static void open_as_stderr(const char *path)
{
    file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(file == STDERR_FILENO);
}

static void filter_nothing(void)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        check_skip("no system call filters here");
}

static void arrange(const char *how, const char *path)
{
    if (strcmp(how, "kept") == 0)
        return;
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    if (strcmp(how, "moved") == 0) {
        CHECK(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
    } else if (strcmp(how, "replaced") == 0) {
        CHECK(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
        file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        CHECK(dup2(file, STDERR_FILENO) == STDERR_FILENO);
    } else {
        open_as_stderr(path);
        if (strcmp(how, "filtered") == 0)
            filter_nothing();
    }
}

static void no_addresses(void)
{
    const struct rlimit limit = {10 * GIB, 10 * GIB};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    free(memset(opaque(malloc(3 * MIB)), 1, MIB));
}

static void free_twice(void)
{
    pid_t child = fork();
    if (child == 0) {
        void *buffer = opaque(malloc(3 * MIB)), *same = opaque(buffer);
        free(buffer);
        free(same);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(int count, char **arguments)
{
    char content[100];
    CHECK(count == 4);
    require_library();
    arrange(arguments[1], arguments[3]);
    bool limit = strcmp(arguments[2], "limit") == 0;
    if (file != 0)
        CHECK(write(file, "data\n", 5) == 5);
    if (limit)
        no_addresses();
    else
        free_twice();
    if (file == 0)
        return 0;
    ssize_t length = pread(file, content, sizeof(content), 0);
    CHECK(length == 5 && memcmp(content, "data\n", 5) == 0);
    return 0;
}
