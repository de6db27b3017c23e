// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A buffer locked in memory, all of it or a part, and freed without unlocking.

#include "crash.h"

#include <sys/mman.h>

int main(void)
{
    require_library();
    for (int i = 0; i < 10; i++) {
        char *buffer = opaque(malloc(2 * MIB));
        mlock(buffer + 4096 * i, 65536); // not everybody may
        memset(buffer, 1, 2 * MIB);
        free(buffer);
        buffer = opaque(malloc(2 * MIB));
        CHECK(all_bytes(buffer, 0, 2 * MIB));
        free(buffer);
    }
    return 0;
}
