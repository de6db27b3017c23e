// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A second free while the buffer is in quarantine, with both stacks to the end.

#include "crash.h"

FRAME void outer(void *buffer)
{
    let_go(buffer);
    __asm__ volatile("" ::: "memory");
}

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    outer(buffer);
    expect_fatal("double free", buffer);
    expect_at("main");
    expect_freed_at("let_go");
    expect_freed_at("outer");
    expect_freed_at("main");
    free(buffer);
}
