// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For wrapped.sh: blocks that realloc moves from small to large and back, and within each. Makes
// exactly 100 calls of malloc, 100 of calloc and 300 of realloc.

#include "check.h"

#include <stdlib.h>
#include <string.h>

static char *resized(char *block, size_t held, size_t size)
{
    block = realloc(opaque(block), size);
    CHECK(block != NULL && all_bytes(block, 7, held < size ? held : size));
    return memset(block, 7, size);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    size_t rounds = strtoul(arguments[1], NULL, 10);
    for (size_t i = 0; i < rounds; i++) {
        size_t small = 1000 + i * 100, middle = 500 * KIB, large = 3 * MIB + i * KIB;
        char *block = memset(malloc(small), 7, small);
        block = resized(block, small, large);
        block = resized(block, large, i % 2 == 0 ? 2 * large : middle);
        block = resized(block, i % 2 == 0 ? 2 * large : middle, small);
        free(block);
        char *zero = calloc(opaque_size(2), large);
        CHECK(all_bytes(zero, 0, 2 * large));
        free(zero);
    }
}
