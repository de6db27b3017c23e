// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every thread frees what another has taken, in turns.

#include "crash.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 200 };

static void *slots[THREADS];

static void *take_and_free(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        void *mine = opaque(malloc((size_t)(i % 3 + 1) * MIB));
        memset(mine, 1, 4096);
        free(__atomic_exchange_n(&slots[i % THREADS], mine, __ATOMIC_ACQ_REL));
    }
    return NULL;
}

int main(void)
{
    require_library();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, take_and_free, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        free(slots[i]);
    return 0;
}
