// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Forks while another thread makes the process's first large request, which starts the pool: the
// child must not wait for a thread that it does not have, and must have a pool.

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSES = 60, CHILDREN = 2, BUFFERS = 4 };

static const size_t size = 4 * MIB;
static atomic_bool go;

// With the pool, what is freed and asked for again is zero.
static void check_pool(void)
{
    char *buffers[BUFFERS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BUFFERS; i++) {
            buffers[i] = opaque(malloc(size));
            CHECK(buffers[i] != NULL && (round == 0 || all_bytes(buffers[i], 0, size)));
            memset(buffers[i], 1, size);
        }
        for (int i = 0; i < BUFFERS; i++)
            free(buffers[i]);
    }
}

static void *start_pool(void *argument)
{
    while (!atomic_load(&go)) {
    }
    free(opaque(malloc(size)));
    return argument;
}

static void run(unsigned round)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, start_pool, NULL) == 0);
    atomic_store(&go, true);
    for (volatile unsigned i = 0; i < round * 10000; i++) { // the start has come to another point
    }
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0) {
            check_pool();
            _exit(0);
        }
        expect_success(child);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    _exit(0);
}

int main(void)
{
    require_library();
    for (unsigned round = 0; round < PROCESSES; round++) {
        pid_t process = fork();
        if (process == 0)
            run(round);
        expect_success(process);
    }
    return 0;
}
