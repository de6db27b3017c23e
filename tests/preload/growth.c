// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A buffer grown from 64 MiB to 4 GiB by doubling, of which hardly a page was ever written. Breaks
// when realloc copies bytes instead of moving pages: the copy would be resident.

#include "check.h"

#include <stdlib.h>
#include <string.h>

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

int main(void)
{
    require_library();
    char *buffer = opaque(malloc(64 * MIB));
    CHECK(buffer != NULL);
    buffer[0] = 1;
    size_t before = resident();
    for (size_t size = 64 * MIB; size < 4 * GIB; size *= 2) {
        char *grown = opaque(realloc(buffer, 2 * size));
        if (grown == NULL)
            check_skip("no 4 GiB of memory to be had here");
        CHECK(grown[0] == 1 && grown[size] == 0);
        grown[2 * size - 1] = 1;
        buffer = grown;
    }
    CHECK(resident() - before <= 64 * MIB);
    free(buffer);
    return 0;
}
