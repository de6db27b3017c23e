// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A second free while other threads are taking and freeing buffers.

#include "crash.h"

#include <pthread.h>

static pthread_t threads[4];

static void *work(void *unused)
{
    (void)unused;
    while (opaque(&threads) != NULL)
        free(opaque(malloc(2 * MIB)));
    return NULL;
}

int main(void)
{
    free(opaque(malloc(MIB))); // starts the pool: meanwhile others are served by jemalloc
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    // So much larger that neither size is ever served by a slot of the other: the crowd must not
    // have taken it.
    void *buffer = opaque(malloc(32 * MIB));
    let_go(buffer);
    expect_fatal("double free", buffer);
    expect_freed_at("let_go");
    free(buffer);
}
