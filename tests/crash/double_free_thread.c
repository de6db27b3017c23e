// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A second free while the buffer is in the cache of another thread, which is still there.

#include "crash.h"

#include <pthread.h>

static pthread_barrier_t freed, never;

static void *free_and_stay(void *buffer)
{
    free(buffer);
    pthread_barrier_wait(&freed);
    pthread_barrier_wait(&never);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    void *buffer = opaque(malloc(2 * MIB));
    pthread_barrier_init(&freed, NULL, 2);
    pthread_barrier_init(&never, NULL, 2);
    CHECK(pthread_create(&thread, NULL, free_and_stay, buffer) == 0);
    pthread_barrier_wait(&freed);
    expect_fatal("double free", buffer);
    free(buffer);
}
