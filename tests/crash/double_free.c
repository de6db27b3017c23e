// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A second free would hand the same memory to two owners. The buffer is where the first free left
// it: in the thread cache, or wherever the options of the test send it.

#include "crash.h"

FRAME void free_again(void *buffer)
{
    free(buffer);
    abort();
}

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    expect_fatal("double free", buffer);
    expect_at("free_again");
    expect_freed_at("let_go");
    free_again(buffer);
}
