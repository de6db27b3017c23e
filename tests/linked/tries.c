// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool_try_get makes no system call and waits for no lock, also while seven threads get and put
// under the same lock: under a filter that ends the process at any system call. The filter is on a
// thread that only tries and hands what it gets to another one, which puts it. For a program that
// is linked with libzeropool.so: the preloaded library would notice the filter.

#include "core/zeropool.h"
#include "tests/preload/check.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OTHERS = 7, TRIES = 200000 };

static const size_t size = MIB;
static _Atomic(char *) handed_over;
static _Atomic bool done, ready;
static size_t served, refused;

static bool forbid_system_calls(void)
{
    struct sock_filter end[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
    struct sock_fprog filter = {1, end};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Never ends: that takes a system call.
static void *try_only(void *unused)
{
    (void)unused;
    if (!forbid_system_calls())
        check_skip("the kernel takes no filter");
    ready = true;
    for (size_t i = 0; i < TRIES; i++) {
        while (handed_over != NULL) {
        }
        char *buffer = zeropool_try_get(size);
        served += buffer != NULL;
        refused += buffer == NULL;
        if (buffer == NULL && errno != EAGAIN)
            break;
        handed_over = buffer;
    }
    done = true;
    for (;;) {
    }
}

static void *get_and_put(void *unused)
{
    while (!done) {
        char *buffers[4];
        for (int i = 0; i < 4; i++)
            CHECK((buffers[i] = zeropool_get(size)) != NULL);
        for (int i = 0; i < 4; i++)
            zeropool_put(buffers[i]);
    }
    return unused;
}

int main(void)
{
    CHECK(zeropool_prewarm(size, 64) == 64);
    pthread_t trying, others[OTHERS];
    CHECK(pthread_create(&trying, NULL, try_only, NULL) == 0);
    while (!ready)
        sched_yield();
    for (int i = 0; i < OTHERS; i++)
        CHECK(pthread_create(&others[i], NULL, get_and_put, NULL) == 0);
    while (!done || handed_over != NULL) {
        char *buffer = atomic_exchange(&handed_over, NULL);
        zeropool_put(buffer);
        if (buffer == NULL)
            sched_yield();
    }
    for (int i = 0; i < OTHERS; i++)
        CHECK(pthread_join(others[i], NULL) == 0);
    CHECK(served + refused == TRIES && served > 0);
    struct zeropool_stats stats = {.size = sizeof(stats)};
    CHECK(zeropool_stats_get(&stats) == 0 && stats.live_buffers == 0);
    _exit(0);
}
