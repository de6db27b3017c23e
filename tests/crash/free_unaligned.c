// SPDX-License-Identifier: MIT OR Apache-2.0
//
// free of a buffer by a pointer that is off by one.

#include "crash.h"

int main(void)
{
    char *buffer = opaque(malloc(MIB));
    expect_fatal("free of an address inside a buffer", buffer + 1);
    free(buffer + 1);
}
