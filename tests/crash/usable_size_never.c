// SPDX-License-Identifier: MIT OR Apache-2.0
//
// malloc_usable_size of an address of the arena where no buffer has ever been.

#include "crash.h"

#include <malloc.h>

int main(void)
{
    char *beyond = (char *)opaque(malloc(MIB)) + 64 * MIB;
    expect_fatal("malloc_usable_size of an address that was never handed out", beyond);
    return malloc_usable_size(beyond) == 0;
}
