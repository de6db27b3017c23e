// SPDX-License-Identifier: MIT OR Apache-2.0
//
// free of an address of the arena where no buffer has ever been.

#include "crash.h"

int main(void)
{
    char *buffer = opaque(malloc(MIB));
    char *beyond = buffer + 64 * MIB; // 64 slots of the class further on
    expect_fatal("free of an address that was never handed out", beyond);
    free(beyond);
}
