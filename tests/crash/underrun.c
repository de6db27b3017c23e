// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A write before a buffer of 2 MiB and more meets an inaccessible page, too.

#include "crash.h"

int main(void)
{
    require_library();
    free(opaque(malloc(2 * MIB))); // the slot before the next one has been used
    char *buffer = opaque(malloc(2 * MIB)), *next = opaque(malloc(2 * MIB));
    expect_signal(SIGSEGV);
    (buffer > next ? buffer : next)[-1] = 1;
}
