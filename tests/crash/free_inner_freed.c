// SPDX-License-Identifier: MIT OR Apache-2.0
//
// free of a pointer into the middle of a buffer that is free.

#include "crash.h"

int main(void)
{
    char *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    expect_fatal("free of an address inside a buffer", buffer + 64);
    expect_freed_at("let_go");
    free(buffer + 64);
}
