// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With everything checked a write to a freed buffer by another thread faults.

#include "crash.h"

#include <pthread.h>

static void *write_late(void *buffer)
{
    memset(buffer, 1, MIB);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    void *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    expect_fatal("access at offset 0 of a freed buffer", buffer);
    expect_at("write_late");
    expect_freed_at("let_go");
    expect_signal(SIGSEGV);
    CHECK(pthread_create(&thread, NULL, write_late, buffer) == 0);
    pthread_join(thread, NULL);
}
