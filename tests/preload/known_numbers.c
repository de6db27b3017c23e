// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program whose report can be foretold: with four buffers per thread cache, of its 33 large
// requests 16 are fresh, 4 come from the thread cache, 12 from the shards, and one is larger than
// any class.
//
// The argument says what to do with stderr before the end: `close` it, or `reopen` its number as
// another file, the second argument.

#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFERS = 16 };

int main(int count, char **arguments)
{
    void *buffers[BUFFERS];
    require_library();
    free(malloc(opaque_size(65 * GIB))); // first: where there is none, the pool gives back all
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < BUFFERS; i++)
            CHECK((buffers[i] = opaque(malloc(2 * MIB))) != NULL);
        for (int i = 0; i < BUFFERS; i++)
            free(buffers[i]);
    }

    if (count > 1)
        close(STDERR_FILENO);
    if (count > 2)
        CHECK(open(arguments[2], O_WRONLY | O_CREAT, 0600) == STDERR_FILENO);
    return 0;
}
