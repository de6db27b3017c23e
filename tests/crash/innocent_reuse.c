// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The same address, freed twice, but handed out in between.

#include "crash.h"

int main(void)
{
    require_library();
    void *buffer = opaque(malloc(2 * MIB));
    for (int i = 0; i < 1000; i++) {
        free(buffer);
        buffer = opaque(malloc(2 * MIB));
    }
    free(buffer);
    return 0;
}
