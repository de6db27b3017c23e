// SPDX-License-Identifier: MIT OR Apache-2.0
//
// realloc of an address of the arena where no buffer has ever been.

#include "crash.h"

int main(void)
{
    char *beyond = (char *)opaque(malloc(MIB)) + 64 * MIB; // 64 slots of the class further on
    expect_fatal("realloc of an address that was never handed out", beyond);
    return realloc(beyond, opaque_size(2 * MIB)) == NULL;
}
