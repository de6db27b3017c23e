// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The environment is empty when the first large request comes: taken for a sign that libc has not
// started, all is passed to jemalloc, and the pool starts when it must not (under a filter).
// usage: cleared clearenv | null | empty-list | new-one [filtered]
//   filtered: under a filter that ends the process for opening a file, with a new environment

#include "tests/preload/check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void by_clearenv(void)
{
    CHECK(clearenv() == 0);
}

static void by_null(void)
{
    environ = NULL;
}

static void by_an_empty_list(void)
{
    static char *nothing[] = {NULL};
    environ = nothing;
}

static void by_a_new_one(void)
{
    CHECK(clearenv() == 0 && setenv("PATH", "/bin", 1) == 0);
}

static const struct {
    const char *name;
    void (*clear)(void);
} ways[] = {{"clearenv", by_clearenv},
            {"null", by_null},
            {"empty-list", by_an_empty_list},
            {"new-one", by_a_new_one}};

static void *use(void *unused)
{
    size_t before = mallinfo2().hblkhd;
    char *buffer = calloc(3, MIB);
    CHECK(buffer != NULL && mallinfo2().hblkhd - before >= 3 * MIB); // it is the pool's
    memset(buffer, 1, 3 * MIB);
    free(buffer);
    return unused;
}

static void filter_files(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        check_skip("no system call filters here");
    CHECK(setenv("PATH", "/bin", 1) == 0);
}

int main(int count, char **arguments)
{
    pthread_t thread;
    CHECK(count >= 2);
    require_library();
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].name, arguments[1]) != 0)
            continue;
        ways[i].clear();
        if (count > 2)
            filter_files();
        use(NULL);
        CHECK(pthread_create(&thread, NULL, use, NULL) == 0 && pthread_join(thread, NULL) == 0);
        pid_t child = fork();
        if (child == 0) {
            use(NULL);
            _exit(0);
        }
        expect_success(child);
        return 0;
    }
    return 2;
}
