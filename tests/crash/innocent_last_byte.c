// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that uses all that malloc_usable_size grants it.

#include "crash.h"

#include <malloc.h>

int main(void)
{
    require_library();
    for (size_t size = MIB; size < 4 * MIB; size += 123457) {
        char *buffer = opaque(malloc(size));
        memset(buffer, 1, malloc_usable_size(buffer));
        free(buffer);
        buffer = opaque(calloc(1, size));
        CHECK(all_bytes(buffer, 0, malloc_usable_size(buffer)));
        free(buffer);
    }
    return 0;
}
