// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buffers freed in handlers of exit and in destructors, after the library thinks it is over.

#include "crash.h"

static void *first, *second;

static void free_first(void)
{
    free(first);
    first = opaque(malloc(3 * MIB));
}

__attribute__((destructor)) static void free_second(void)
{
    free(first);
    free(second);
}

int main(void)
{
    require_library();
    first = opaque(malloc(2 * MIB));
    second = opaque(malloc(2 * MIB));
    CHECK(atexit(free_first) == 0);
    return 0;
}
