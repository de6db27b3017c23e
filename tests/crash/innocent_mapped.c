// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mappings of the program's own next to buffers, unmapped and mapped again.

#include "crash.h"

#include <sys/mman.h>

int main(void)
{
    require_library();
    for (int i = 0; i < 200; i++) {
        void *mapping =
            mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(mapping != MAP_FAILED);
        char *buffer = opaque(malloc(2 * MIB));
        memset(buffer, 1, 2 * MIB);
        memset(mapping, 2, 2 * MIB);
        CHECK(munmap(mapping, 2 * MIB) == 0);
        CHECK(all_bytes(buffer, 1, 2 * MIB));
        free(buffer);
    }
    return 0;
}
