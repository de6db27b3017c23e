// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A write behind a buffer of 2 MiB and more meets an inaccessible page, whatever is checked, and
// nobody else's memory.

#include "crash.h"

#include <malloc.h>

int main(void)
{
    require_library();
    char *buffer = opaque(malloc(2 * MIB));
    expect_signal(SIGSEGV);
    buffer[malloc_usable_size(buffer)] = 1;
}
