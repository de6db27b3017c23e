// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who is under a filter of system calls, and who is not. The pool keeps to what any malloc asks of
// the kernel under a filter of the program's own, which costs it the pages of what is freed. Breaks
// when it does so without a filter (PR_SET_NO_NEW_PRIVS alone, a filter that was refused, one of a
// child that merely shares the memory until it starts another program), or asks for more than the
// filter allows where there is one.
//
// usage: sandboxes CASE

#include "tests/preload/check.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const size_t size = 1500 * KIB;

// Whether a freed buffer's pages are still there when it is asked for again.
static bool is_kept_warm(void)
{
    char *volatile buffer = valloc(size);
    memset(buffer, 1, size);
    free(buffer);
    char *again = valloc(size);
    unsigned char there = 0;
    CHECK(again == buffer && mincore(again, 1, &there) == 0);
    CHECK(all_bytes(again, 0, size));
    free(again);
    return (there & 1) != 0;
}

static long no_new_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// Ends the process for what the pool does without under a filter.
static struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mincore, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sysinfo, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

static void install(void)
{
    CHECK(no_new_privileges() == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0);
}

static void install_by_number(void)
{
    CHECK(no_new_privileges() == 0);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0);
}

static void use(void)
{
    for (int i = 0; i < 20; i++) {
        size_t bytes = (size_t)(1 + i % 5) * MIB;
        char *buffer = calloc(1, bytes);
        CHECK(buffer != NULL && all_bytes(buffer, 0, bytes));
        memset(buffer, 1, bytes);
        free(buffer);
    }
}

static void filtered(void)
{
    install();
    use();
}

static void filtered_by_number(void)
{
    install_by_number();
    use();
}

static void alone(void)
{
    CHECK(no_new_privileges() == 0);
    CHECK(is_kept_warm());
}

// As libseccomp asks what the kernel knows.
static void refused(void)
{
    CHECK(no_new_privileges() == 0);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) == -1 && errno == EFAULT);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == -1 && errno == EFAULT);
    CHECK(is_kept_warm());
}

static int sandbox_itself(void *argument)
{
    (void)argument;
    install();
    return 0;
}

// A child as vfork makes it: the memory is this process's, the filter is not.
static void child_that_shares(void)
{
    static char stack[64 * 1024] __attribute__((aligned(16)));
    pid_t child =
        clone(sandbox_itself, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    expect_success(child);
    CHECK(is_kept_warm());
}

static void in_a_fork(void (*run)(void))
{
    pid_t child = fork();
    if (child == 0) {
        run();
        _exit(0);
    }
    expect_success(child);
}

static void child_of_a_child(void)
{
    in_a_fork(child_that_shares);
    CHECK(is_kept_warm());
}

static void forked(void)
{
    in_a_fork(filtered);
    CHECK(is_kept_warm());
}

// As sandboxes do that make new namespaces: libc does not know of the child.
static void cloned(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        filtered();
        _exit(0);
    }
    expect_success(child);
    CHECK(is_kept_warm());
}

static void *do_use(void *argument)
{
    use();
    return argument;
}

static void thread_of_filtered(void)
{
    pthread_t thread;
    install_by_number();
    CHECK(pthread_create(&thread, NULL, do_use, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    in_a_fork(use);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {{"none", alone},
                 {"refused", refused},
                 {"filtered", filtered},
                 {"by-number", filtered_by_number},
                 {"shared", child_that_shares},
                 {"shared-by-a-child", child_of_a_child},
                 {"forked", forked},
                 {"cloned", cloned},
                 {"threads", thread_of_filtered}};
    CHECK(count >= 2);
    require_library();
    if (count > 2)
        use(); // the pool has started before
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(cases[i].name, arguments[1]) == 0)
            cases[i].run();
    return 0;
}
