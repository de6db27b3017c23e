// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The program's own fork handlers use large memory, whether they were registered before the
// library's or after them: glibc lets them, so locks of ours that are held meanwhile must not stop
// them.

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORKS = 50, THREADS = 3 };

static const size_t size = 2 * MIB;
static char *kept;
static atomic_bool stop;

static void use_large(void)
{
    char *buffers[12]; // more than the thread cache holds
    for (int i = 0; i < 12; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && buffers[i][0] == 0 && buffers[i][size - 1] == 0);
        buffers[i][0] = buffers[i][size - 1] = 1;
    }
    for (int i = 0; i < 12; i++)
        free(buffers[i]);
    kept = realloc(kept, kept == NULL ? size : 2 * size);
    CHECK(kept != NULL);
    free(kept);
    kept = NULL;
}

static void *work(void *argument)
{
    while (!atomic_load(&stop)) {
        char *buffer = malloc(size);
        CHECK(buffer != NULL && buffer[0] == 0);
        buffer[0] = 1;
        free(buffer);
    }
    return argument;
}

int main(void)
{
    require_library();
    CHECK(pthread_atfork(use_large, use_large, use_large) == 0);
    use_large(); // the pool starts
    CHECK(pthread_atfork(use_large, use_large, use_large) == 0);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            use_large();
            _exit(0);
        }
        expect_success(child);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
