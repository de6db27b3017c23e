// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that jumps out of its own signal handler while it works on a buffer.

#include "crash.h"

#include <setjmp.h>

static sigjmp_buf back;

static void jump(int number)
{
    siglongjmp(back, number);
}

int main(void)
{
    require_library();
    signal(SIGUSR1, jump);
    char *volatile buffer = NULL;
    for (volatile int i = 0; i < 100; i++) {
        buffer = opaque(malloc(2 * MIB));
        if (sigsetjmp(back, 1) == 0) {
            memset(buffer, i, MIB);
            raise(SIGUSR1);
        }
        free(buffer);
    }
    return 0;
}
