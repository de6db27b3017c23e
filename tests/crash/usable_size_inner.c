// SPDX-License-Identifier: MIT OR Apache-2.0
//
// malloc_usable_size of a pointer into the middle of a buffer.

#include "crash.h"

#include <malloc.h>

int main(void)
{
    char *buffer = opaque(malloc(2 * MIB));
    expect_fatal("malloc_usable_size of an address inside a buffer", buffer + 4096);
    return malloc_usable_size(buffer + 4096) == 0;
}
