// SPDX-License-Identifier: MIT OR Apache-2.0
//
// realloc to nothing is a free, and the second one of this buffer.

#include "crash.h"

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    expect_fatal("double free", buffer);
    expect_freed_at("let_go");
    return realloc(buffer, opaque_size(0)) != NULL;
}
