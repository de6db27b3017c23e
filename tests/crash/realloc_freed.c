// SPDX-License-Identifier: MIT OR Apache-2.0
//
// realloc of a freed buffer would resize what may be another owner's by now.

#include "crash.h"

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    free(buffer);
    expect_fatal("realloc of a buffer that is free", buffer);
    return realloc(buffer, opaque_size(4 * MIB)) == NULL;
}
