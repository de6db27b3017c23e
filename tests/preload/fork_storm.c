// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Forks while other threads are in the middle of everything: a child that inherits a locked lock
// hangs, one that inherits a half-changed list crashes. 500 forks; with ZP_TEST_FULL=1 there are
// 10,000.

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 8, FORKS = 500, ALL_FORKS = 10000, HELD = 2 };

static const size_t size = 4 * MIB;
static atomic_bool stop;
static _Atomic(char *) filled[THREADS]; // each thread's buffer, while it holds what it should

static void put_ends(char *buffer, char value)
{
    buffer[0] = buffer[size - 1] = value;
}

static bool has_ends(const char *buffer, char value)
{
    return buffer[0] == value && buffer[size - 1] == value;
}

static void *work(void *argument)
{
    _Atomic(char *) *shown = argument;
    while (!atomic_load(&stop)) {
        char *buffer = malloc(size);
        CHECK(buffer != NULL && has_ends(buffer, 0));
        memset(buffer, 1, 64 * KIB);
        put_ends(buffer, 7);
        atomic_store(shown, buffer);
        char *taken = atomic_exchange(shown, NULL);
        CHECK(taken == buffer && has_ends(buffer, 7));
        free(buffer);
    }
    return NULL;
}

static void check_and_free(char *const *held)
{
    for (int i = 0; i < HELD; i++) {
        CHECK(all_bytes(held[i], i + 1, size));
        free(held[i]);
    }
}

// What the other threads held at the moment of the fork is here too.
static void check_of_threads(void)
{
    for (int i = 0; i < THREADS; i++) {
        char *buffer = atomic_load(&filled[i]);
        if (buffer == NULL)
            continue;
        CHECK(has_ends(buffer, 7));
        free(buffer);
    }
}

static void use_pool(void)
{
    char *buffers[4];
    for (int i = 0; i < 4; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && has_ends(buffers[i], 0));
        put_ends(buffers[i], 9);
    }
    for (int i = 0; i < 4; i++)
        free(buffers[i]);
}

int main(void)
{
    require_library();
    pthread_t threads[THREADS];
    free(opaque(malloc(size))); // requests made while the pool starts are not the pool's
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, &filled[i]) == 0);
    int forks = getenv("ZP_TEST_FULL") != NULL ? ALL_FORKS : FORKS;
    for (int i = 0; i < forks; i++) {
        char *held[HELD];
        for (int j = 0; j < HELD; j++)
            memset(held[j] = malloc(size), j + 1, size);
        pid_t child = fork();
        if (child == 0) {
            check_of_threads();
            use_pool();
            check_and_free(held);
            use_pool();
            _exit(0);
        }
        check_and_free(held);
        expect_success(child);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
