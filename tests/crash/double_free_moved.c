// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A second free of a buffer that realloc has freed, by moving it.

#include "crash.h"

FRAME void *grow(void *buffer)
{
    void *moved = realloc(buffer, 64 * MIB);
    __asm__ volatile("" ::: "memory");
    return moved;
}

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    CHECK(opaque(grow(buffer)) != buffer);
    expect_fatal("double free", buffer);
    expect_at("main");
    expect_freed_at("grow");
    free(buffer);
}
