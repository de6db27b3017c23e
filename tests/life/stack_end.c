// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An executable that is not position-independent and uses the dynamic linker's __libc_stack_end, as
// node does: it has a copy of that variable, which is not filled before the library looks for the
// arguments there. Breaks when the library crashes at load, or is not there.

#include "tests/preload/check.h"

#include <stdlib.h>
#include <string.h>

extern void *__libc_stack_end; // NOLINT(bugprone-reserved-identifier)

int main(void)
{
    require_library();
    CHECK(__libc_stack_end != NULL);
    free(memset(opaque(malloc(3 * MIB)), 1, MIB));
    return 0;
}
