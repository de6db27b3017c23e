// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A few large buffers, for outside.sh.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    static const size_t size = 2 << 20;
    for (int i = 0; i < 5; i++) {
        char *buffer = malloc(size);
        memset(buffer, 1, size);
        free(buffer);
    }
    return puts("works") < 0;
}
