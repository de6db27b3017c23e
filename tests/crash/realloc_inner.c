// SPDX-License-Identifier: MIT OR Apache-2.0
//
// realloc of a pointer into the middle of a buffer.

#include "crash.h"

int main(void)
{
    char *inner = (char *)opaque(malloc(2 * MIB)) + 64;
    expect_fatal("realloc of an address inside a buffer", inner);
    return realloc(inner, opaque_size(4 * MIB)) == NULL;
}
