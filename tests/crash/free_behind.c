// SPDX-License-Identifier: MIT OR Apache-2.0
//
// free of the first address behind a buffer.

#include "crash.h"

#include <malloc.h>

int main(void)
{
    char *buffer = opaque(malloc(2 * MIB));
    char *behind = buffer + malloc_usable_size(buffer);
    expect_fatal("free of an address inside a buffer", behind);
    free(behind);
}
