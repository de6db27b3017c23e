// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A buffer that the thread which asked for it does not outlive.

#include "crash.h"

#include <pthread.h>

static void *take(void *unused)
{
    (void)unused;
    return memset(opaque(malloc(3 * MIB)), 1, 3 * MIB);
}

int main(void)
{
    require_library();
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *buffer;
        CHECK(pthread_create(&thread, NULL, take, NULL) == 0);
        CHECK(pthread_join(thread, &buffer) == 0);
        CHECK(all_bytes(buffer, 1, 3 * MIB));
        free(buffer);
    }
    return 0;
}
