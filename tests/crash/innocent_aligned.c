// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buffers at odd and at very large alignments, freed like any other.

#include "crash.h"

int main(void)
{
    require_library();
    for (size_t alignment = 8; alignment <= 64 * MIB; alignment *= 2) {
        void *buffer = NULL;
        CHECK(posix_memalign(&buffer, alignment, 3 * MIB) == 0);
        CHECK((uintptr_t)opaque(buffer) % alignment == 0);
        memset(buffer, 1, 3 * MIB);
        free(buffer);
    }
    return 0;
}
