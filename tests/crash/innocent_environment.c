// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A process that changes its environment and starts others.

#include "crash.h"

int main(void)
{
    require_library();
    char *buffer = opaque(malloc(2 * MIB));
    CHECK(setenv("ZEROPOOL_MIN_SIZE", "64K", 1) == 0);
    CHECK(system("/bin/true") == 0);
    CHECK(setenv("ZEROPOOL_ENABLE", "0", 1) == 0);
    CHECK(system("/bin/true") == 0);
    free(buffer);
    CHECK(clearenv() == 0);
    free(opaque(malloc(2 * MIB)));
    return 0;
}
