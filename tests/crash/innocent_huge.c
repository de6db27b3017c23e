// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests that nobody can serve, between those that can be.

#include "crash.h"

#include <errno.h>

int main(void)
{
    require_library();
    for (int i = 0; i < 100; i++) {
        void *buffer = opaque(malloc(2 * MIB));
        CHECK(opaque(malloc(opaque_size(PTRDIFF_MAX))) == NULL && errno == ENOMEM);
        CHECK(opaque(calloc(opaque_size(SIZE_MAX / 2), 3)) == NULL && errno == ENOMEM);
        CHECK(opaque(realloc(buffer, opaque_size(SIZE_MAX - 4096))) == NULL && errno == ENOMEM);
        memset(buffer, 1, 2 * MIB);
        free(buffer);
    }
    return 0;
}
