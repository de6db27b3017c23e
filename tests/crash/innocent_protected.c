// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A buffer whose pages are closed and opened again, or freed while some are closed.

#include "crash.h"

#include <sys/mman.h>

int main(void)
{
    require_library();
    for (int i = 0; i < 10; i++) {
        char *buffer = opaque(malloc(3 * MIB));
        memset(buffer, 1, 3 * MIB);
        char *part = page_up(buffer + 65536);
        CHECK(mprotect(part, 65536, i % 2 ? PROT_NONE : PROT_READ) == 0);
        if (i % 3 == 0)
            CHECK(mprotect(part, 65536, PROT_READ | PROT_WRITE) == 0);
        free(buffer);
        buffer = opaque(calloc(1, 3 * MIB));
        CHECK(all_bytes(buffer, 0, 3 * MIB));
        free(buffer);
    }
    return 0;
}
