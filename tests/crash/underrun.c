// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A write before a buffer of 2 MiB and more meets an inaccessible page, too: at once if the buffer
// is aligned to a page, else at most a page before it.

#include "crash.h"

int main(void)
{
    require_library();
    free(opaque(malloc(2 * MIB))); // the slot before the next one has been used
    char *buffer = opaque(malloc(2 * MIB)), *next = opaque(malloc(2 * MIB));
    char *later = buffer > next ? buffer : next;
    expect_signal(SIGSEGV);
    page_down(later)[-1] = 1;
}
