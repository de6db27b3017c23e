// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Small blocks, of which the pool knows nothing, next to large ones.

#include "crash.h"

int main(void)
{
    require_library();
    char *small[1000], *large = NULL;
    for (size_t i = 0; i < 1000; i++) {
        small[i] = opaque(malloc(i * 900 + 1));
        memset(small[i], 1, i * 900 + 1);
        free(large);
        large = opaque(malloc(MIB + i * 4096));
    }
    for (int i = 0; i < 1000; i++) {
        small[i] = opaque(realloc(small[i], i % 2 ? 10 : 2 * MIB));
        CHECK(small[i][0] == 1);
    }
    for (int i = 0; i < 1000; i++)
        free(small[i]);
    free(large);
    return 0;
}
