// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a process inherited from its parent, its own children free once more.

#include "crash.h"

int main(void)
{
    require_library();
    void *buffer = opaque(malloc(2 * MIB));
    memset(buffer, 1, MIB);
    for (int generation = 0; generation < 4; generation++) {
        pid_t child = fork();
        if (child != 0) {
            free(buffer);
            expect_success(child);
            return 0;
        }
    }
    free(buffer);
    return 0;
}
