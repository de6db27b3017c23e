// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The process ends, in one of several ways, while other threads allocate and free at full speed.
// What is taken down at exit is still in use: by them, by atexit handlers, by destructors.
//
// usage: leave exit|return|quick_exit|_exit|abort|exec

#include "tests/preload/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, OFTEN = 20 };

static const size_t size = 3 * MIB;
static atomic_int rounds;

static void use(void)
{
    char *buffers[10];
    for (int i = 0; i < 10; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL);
        memset(buffers[i], 1, 4 * KIB);
    }
    buffers[0] = realloc(buffers[0], 3 * size);
    for (int i = 0; i < 10; i++)
        free(buffers[i]);
    free(opaque(malloc(100)));
}

static void *use_for_ever(void *argument)
{
    for (;;) {
        use();
        atomic_fetch_add(&rounds, 1);
    }
    return argument;
}

static void at_exit(void)
{
    for (int i = 0; i < 3; i++)
        use();
}

__attribute__((destructor)) static void at_end(void)
{
    at_exit();
}

static const struct {
    const char *name;
    void (*leave)(int status);
} ways[] = {{"exit", exit}, {"quick_exit", quick_exit}, {"_exit", _exit}};

int main(int count, char **arguments)
{
    require_library();
    CHECK(count == 2);
    CHECK(atexit(at_exit) == 0 && at_quick_exit(at_exit) == 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, use_for_ever, NULL) == 0);
    }
    while (atomic_load(&rounds) < OFTEN)
        use();
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strcmp(arguments[1], ways[i].name) == 0)
            ways[i].leave(3);
    if (strcmp(arguments[1], "abort") == 0)
        abort();
    if (strcmp(arguments[1], "exec") == 0)
        execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
    return 3;
}
