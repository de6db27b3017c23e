// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Makes large requests, keeps one buffer, says "ready", and ends when its input does.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUESTS = 40, SIZE = 4 << 20 };

int main(void)
{
    char letter;
    char *kept = malloc(SIZE);
    for (int i = 0; i < REQUESTS && kept != NULL; i++) {
        char *buffer = malloc(SIZE);
        if (buffer == NULL)
            return 1;
        memset(buffer, i + 1, SIZE);
        kept[i] = buffer[SIZE - 1];
        free(buffer);
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &letter, 1) > 0)
        ;
    free(kept);
    return 0;
}
