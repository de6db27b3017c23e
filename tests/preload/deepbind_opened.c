// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library that frees what others allocated, and the other way round.

#include <stdlib.h>

__attribute__((visibility("default"))) char *opened_allocate(size_t size);
__attribute__((visibility("default"))) void opened_free(char *buffer);

char *opened_allocate(size_t size)
{
    return malloc(size);
}

void opened_free(char *buffer)
{
    free(buffer);
}
