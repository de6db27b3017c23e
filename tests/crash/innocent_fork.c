// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Parent and child both free a buffer that was there before the fork.

#include "crash.h"

int main(void)
{
    require_library();
    char *buffers[8];
    for (int i = 0; i < 8; i++)
        memset(buffers[i] = opaque(malloc((size_t)(i + 1) * MIB)), 1, MIB);
    pid_t child = fork();
    for (int i = 0; i < 8; i++) {
        free(buffers[i]);
        buffers[i] = opaque(calloc(1, MIB));
        CHECK(all_bytes(buffers[i], 0, MIB));
        free(buffers[i]);
    }
    if (child == 0)
        _exit(0);
    expect_success(child);
    return 0;
}
