// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A buffer grown, shrunk and moved many times, its old addresses used by others.

#include "crash.h"

int main(void)
{
    require_library();
    unsigned char *buffer = opaque(malloc(MIB));
    buffer[0] = 1;
    for (int i = 0; i < 200; i++) {
        size_t size = (size_t)(i * 7919 % 40 + 1) * (MIB / 2);
        buffer = opaque(realloc(buffer, size));
        CHECK(buffer != NULL && buffer[0] == 1);
        buffer[size - 1] = 1;
        void *other = opaque(calloc(1, 2 * MIB));
        CHECK(all_bytes(other, 0, 2 * MIB));
        free(other);
    }
    free(buffer);
    return 0;
}
