// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Thousands of threads come and go, 64 at a time, each with large buffers: what the library keeps
// for a thread must not outlive it. 2,000 threads; with ZP_TEST_FULL=1 there are 10,000.

#include "tests/preload/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 64, SOME = 2000, ALL = 10000, WARM_UP = 2 * AT_ONCE };

static const size_t size = 2 * MIB;

static void *work(void *argument)
{
    char *buffers[3];
    for (int i = 0; i < 3; i++) {
        buffers[i] = malloc(size + (size_t)i * 300 * KIB);
        CHECK(buffers[i] != NULL && buffers[i][0] == 0 && buffers[i][size - 1] == 0);
        buffers[i][0] = buffers[i][size - 1] = 1;
    }
    for (int i = 0; i < 3; i++)
        free(buffers[i]);
    return argument;
}

static void run_threads(int number)
{
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 128 * KIB) == 0);
    for (int i = 0; i < number; i += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        for (int j = 0; j < AT_ONCE; j++)
            CHECK(pthread_create(&threads[j], &small, work, NULL) == 0);
        for (int j = 0; j < AT_ONCE; j++)
            CHECK(pthread_join(threads[j], NULL) == 0);
    }
    pthread_attr_destroy(&small);
}

int main(void)
{
    require_library();
    free(opaque(malloc(size))); // requests made while the pool starts are not the pool's
    // Each of 64 threads at most holds three buffers, once; how many there are at once is chance.
    const size_t most = AT_ONCE * 3, bytes = most * (size + 600 * KIB);
    run_threads(WARM_UP);
    size_t mapped = proc_mappings(), data = proc_kib("/proc/self/status", "VmData:");
    run_threads(getenv("ZP_TEST_FULL") != NULL ? ALL : SOME);
    CHECK(proc_mappings() <= mapped + 2 * most);
    CHECK(proc_kib("/proc/self/status", "VmData:") <= data + bytes / KIB);
    CHECK(proc_kib("/proc/self/status", "VmRSS:") <= bytes / KIB + 64 * KIB);
    CHECK(proc_kib("/proc/self/status", "Threads:") <= 2); // the helper may still be there
    return 0;
}
