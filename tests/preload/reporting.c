// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that reports are asked of while it runs. It makes one large request, says "ready" and
// its number, does what the lines on standard input say, and ends with them:
//
//   get         one more large request
//   fork        a child that makes a large request, says "child" and its number, and waits as well
//   handler     a handler of its own for SIGUSR1, which says "own"
//   chdir PATH  to another folder
//   filter      a filter of system calls that kills for all that make or rename files
//   exec PATH   another program, with this standard input
//   _exit       without the library's report

#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void get(void)
{
    char *buffer = opaque(malloc(3 * MIB));
    CHECK(buffer != NULL);
    memset(buffer, 1, 3 * MIB);
    free(buffer);
}

static void say(const char *word)
{
    char line[64];
    int length = snprintf(line, sizeof(line), "%s %d\n", word, (int)getpid());
    CHECK(write(STDOUT_FILENO, line, (size_t)length) == length);
}

static void on_signal(int number)
{
    (void)number;
    say("own");
}

static void kill_for(uint32_t call, struct sock_filter **next)
{
    *(*next)++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    *(*next)++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
}

static void filter(void)
{
    static const uint32_t calls[] = {
        SYS_openat, SYS_unlinkat, SYS_renameat, SYS_mkdirat,
#ifdef SYS_unlink // newer machines have none of these
        SYS_unlink, SYS_rename,   SYS_mkdir,
#endif
    };
    struct sock_filter program[32], *next = program;
    *next++ =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        kill_for(calls[i], &next);
    *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog whole = {(unsigned short)(next - program), program};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) == 0);
}

static void obey(const char *line)
{
    pid_t child = -1;
    int status;
    if (strcmp(line, "get") == 0)
        get();
    else if (strcmp(line, "handler") == 0)
        CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
    else if (strncmp(line, "chdir ", 6) == 0)
        CHECK(chdir(line + 6) == 0);
    else if (strcmp(line, "filter") == 0)
        filter();
    else if (strcmp(line, "_exit") == 0)
        _exit(0);
    else if (strncmp(line, "exec ", 5) == 0)
        CHECK(execl(line + 5, line + 5, (char *)NULL) == 0);
    else if (strcmp(line, "fork") == 0)
        CHECK((child = fork()) >= 0);
    else
        abort();     // a line that is not known
    if (child > 0) { // the child has the next lines to itself
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    } else if (child == 0) {
        get();
        say("child");
    }
}

// Byte by byte, so that a child finds the rest.
static bool read_line(char *line, size_t most)
{
    for (size_t at = 0; at + 1 < most; at++) {
        if (read(STDIN_FILENO, &line[at], 1) != 1)
            return false;
        if (line[at] == '\n') {
            line[at] = '\0';
            return true;
        }
    }
    return false;
}

int main(void)
{
    char line[512];
    require_library();
    get();
    say("ready");
    while (read_line(line, sizeof(line))) {
        if (strcmp(line, "end") == 0)
            break;
        obey(line);
        say("did");
    }
    return 0;
}
