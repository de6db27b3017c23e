// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A second free would hand the same memory to two owners. The buffer is where the first free left
// it: in the thread cache, or wherever the options of the test send it.

#include "crash.h"

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    free(buffer);
    expect_fatal("double free", buffer);
    free(buffer);
}
