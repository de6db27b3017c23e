// SPDX-License-Identifier: MIT OR Apache-2.0
//
// malloc_usable_size of a freed buffer: the answer would invite writing into it.

#include "crash.h"

#include <malloc.h>

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    free(buffer);
    expect_fatal("malloc_usable_size of a buffer that is free", buffer);
    return malloc_usable_size(buffer) == 0;
}
