// SPDX-License-Identifier: MIT OR Apache-2.0
//
// free of a pointer into the middle of a buffer: the buffer's owner would lose it.

#include "crash.h"

int main(void)
{
    char *inner = (char *)opaque(malloc(2 * MIB)) + 4096;
    expect_fatal("free of an address inside a buffer", inner);
    free(inner);
}
