// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pointers to freed buffers may be compared and kept, just not followed.

#include "crash.h"

int main(void)
{
    require_library();
    void *kept[100];
    int again = 0;
    for (int i = 0; i < 100; i++) {
        void *buffer = opaque(malloc(2 * MIB));
        for (int j = 0; j < i; j++)
            again += kept[j] == buffer;
        kept[i] = buffer;
        free(buffer);
    }
    CHECK(again >= 0);
    return 0;
}
