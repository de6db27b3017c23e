// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that ZEROPOOL_PREWARM=learn learns from: it holds so many buffers at once, and ends.
//
//     learner COUNT MIB HOW [PREPARED]
//
// HOW is exit, _exit, quick_exit, signal, exec, child (of a fork: it holds twice as many, and the
// parent ends by _exit), filter (which kills for calls on files), nobody (the user is another one
// at the end), read (what it holds is only read); or early and now, which do not wait for the tenth
// of a second before which nothing is prepared, and end by exit and _exit. With PREPARED it first
// waits until so many MiB have been made ready.

#include "tests/preload/check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64, LONG_ENOUGH_MS = 110, PATIENCE_MS = 300000 };

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void wait_until_prepared(size_t bytes)
{
    double start = milliseconds();
    while (mallinfo2().keepcost < bytes) {
        CHECK(milliseconds() - start < PATIENCE_MS);
        usleep(1000);
    }
}

static void live_long_enough(void)
{
    double start = milliseconds();
    while (milliseconds() - start < LONG_ENOUGH_MS)
        usleep(10000);
}

static void hold(int count, size_t size, bool writing)
{
    char *buffers[MOST];
    CHECK(count <= MOST);
    for (int i = 0; i < count; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && all_bytes(buffers[i], 0, size));
        if (writing)
            memset(buffers[i], 1, size);
    }
    for (int i = 0; i < count; i++)
        free(buffers[i]);
}

static void kill_for_calls_on_files(void)
{
    struct sock_filter lines[32];
    static const int calls[] = {SYS_openat,   SYS_mkdirat,    SYS_renameat,
                                SYS_unlinkat, SYS_newfstatat, SYS_getdents64};
    unsigned short at = 0, count = sizeof(calls) / sizeof(calls[0]);
    lines[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned short i = 0; i < count; i++)
        lines[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i],
                                                   (unsigned char)(count - i), 0);
    lines[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    lines[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program = {at, lines};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        check_skip("no filters of system calls here");
}

static void leave(const char *how, int count, size_t size)
{
    if (strcmp(how, "_exit") == 0 || strcmp(how, "now") == 0)
        _exit(0);
    if (strcmp(how, "quick_exit") == 0)
        quick_exit(0);
    if (strcmp(how, "signal") == 0)
        raise(SIGKILL);
    if (strcmp(how, "exec") == 0)
        execl("/bin/true", "true", (char *)NULL);
    if (strcmp(how, "nobody") == 0)
        CHECK(setuid(65534) == 0);
    if (strcmp(how, "child") == 0) {
        pid_t child = fork();
        if (child == 0) {
            hold(2 * count, size, true);
            return;
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        _exit(0);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 4);
    int count = atoi(argv[1]);
    size_t size = (size_t)atoi(argv[2]) * MIB;
    if (argc > 4)
        wait_until_prepared((size_t)atoi(argv[4]) * MIB);
    if (strcmp(argv[3], "filter") == 0)
        kill_for_calls_on_files();
    if (strcmp(argv[3], "early") != 0 && strcmp(argv[3], "now") != 0)
        live_long_enough();
    hold(count, size, strcmp(argv[3], "read") != 0);
    leave(argv[3], count, size);
    return 0;
}
