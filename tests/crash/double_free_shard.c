// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A second free of a buffer that later frees have pushed out of the thread cache into a shard.

#include "crash.h"

enum { MANY = 128 }; // more than any thread cache holds

int main(void)
{
    void *buffers[MANY];
    for (int i = 0; i < MANY; i++)
        buffers[i] = opaque(malloc(MIB));
    for (int i = 0; i < MANY; i++)
        free(buffers[i]);
    expect_fatal("double free", buffers[0]);
    free(buffers[0]);
}
