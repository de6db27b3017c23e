// SPDX-License-Identifier: MIT OR Apache-2.0
//
// malloc_trim while buffers are pooled and live.

#include "crash.h"

#include <malloc.h>

int main(void)
{
    require_library();
    for (int i = 0; i < 20; i++) {
        char *kept = opaque(malloc(2 * MIB)), *freed = opaque(malloc(3 * MIB));
        memset(kept, 1, 2 * MIB);
        memset(freed, 2, 3 * MIB);
        free(freed);
        malloc_trim(0);
        CHECK(all_bytes(kept, 1, 2 * MIB));
        free(kept);
    }
    return 0;
}
