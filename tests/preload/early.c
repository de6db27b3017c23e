// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library of the program's own, for early_late.c: its constructor runs before ours, its
// destructor after ours.

#include "early.h"
#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *early_kept, *early_from_thread;

static void *use(void *argument)
{
    (void)argument;
    for (int i = 0; i < 10; i++) {
        char *buffer = calloc(2, MIB);
        CHECK(buffer != NULL && all_bytes(buffer, 0, 2 * MIB));
        memset(buffer, 1, 2 * MIB);
        free(buffer);
    }
    return malloc(5 * MIB);
}

static void at_exit(void)
{
    free(use(NULL));
}

__attribute__((constructor)) static void start(void)
{
    early_kept = use(NULL);
    memset(early_kept, 7, 5 * MIB);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use, NULL) == 0);
    CHECK(pthread_join(thread, &early_from_thread) == 0);
    CHECK(atexit(at_exit) == 0);
}

__attribute__((destructor)) static void end(void)
{
    CHECK(all_bytes(early_kept, 7, 5 * MIB));
    free(early_kept);
    free(use(NULL));
    CHECK(write(STDOUT_FILENO, "end\n", 4) == 4); // so that it is known to have run
}
