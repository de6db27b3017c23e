// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A thread whose keys free and allocate large buffers while it ends, round after round.

#include "crash.h"

#include <limits.h>
#include <pthread.h>

static pthread_key_t key;

static void free_and_take(void *buffer)
{
    static _Thread_local int rounds;
    free(buffer);
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
        pthread_setspecific(key, opaque(malloc(2 * MIB)));
}

static void *work(void *unused)
{
    (void)unused;
    pthread_setspecific(key, opaque(malloc(2 * MIB)));
    return NULL;
}

int main(void)
{
    require_library();
    pthread_t thread;
    CHECK(pthread_key_create(&key, free_and_take) == 0);
    for (int i = 0; i < 50; i++) {
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    return 0;
}
