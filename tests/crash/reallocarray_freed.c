// SPDX-License-Identifier: MIT OR Apache-2.0
//
// reallocarray of a freed buffer.

#include "crash.h"

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    expect_fatal("realloc of a buffer that is free", buffer);
    expect_at("main");
    expect_freed_at("let_go");
    return reallocarray(buffer, 3, opaque_size(MIB)) == NULL;
}
