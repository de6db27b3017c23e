// SPDX-License-Identifier: MIT OR Apache-2.0
//
// fork takes libc's lock of the list of streams after all handlers; a thread that flushes all
// streams holds it while it writes to one whose memory grows. Were our locks held already, each
// would wait for the other.

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FORKS = 400, MANY = 10 };

static atomic_bool stop;

// More than a thread keeps for itself, so that locks are taken.
static void use_memory(void)
{
    char *buffers[MANY], *blocks[MANY];
    for (int i = 0; i < MANY; i++) {
        buffers[i] = opaque(malloc(2 * MIB));
        blocks[i] = opaque(malloc((size_t)20000 << i % 6));
    }
    for (int i = 0; i < MANY; i++) {
        free(buffers[i]);
        free(blocks[i]);
    }
}

static ssize_t take(void *cookie, const char *text, size_t length)
{
    (void)cookie;
    (void)text;
    use_memory();
    return (ssize_t)length;
}

static void *flush_all(void *argument)
{
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = take});
    CHECK(stream != NULL);
    while (!atomic_load(&stop)) {
        CHECK(fputs("text", stream) >= 0);
        CHECK(fflush(NULL) == 0);
    }
    CHECK(fclose(stream) == 0);
    return argument;
}

int main(void)
{
    require_library();
    pthread_t thread;
    use_memory();
    CHECK(pthread_create(&thread, NULL, flush_all, NULL) == 0);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            use_memory();
            fflush(NULL);
            FILE *file = fopen("/dev/null", "we");
            CHECK(file != NULL && fclose(file) == 0);
            _exit(0);
        }
        expect_success(child);
    }
    atomic_store(&stop, true);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
