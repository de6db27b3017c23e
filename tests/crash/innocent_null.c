// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What does nothing: free and realloc of NULL, the size of nothing.

#include "crash.h"

#include <malloc.h>

int main(void)
{
    require_library();
    free(NULL);
    CHECK(malloc_usable_size(NULL) == 0);
    void *buffer = realloc(NULL, opaque_size(2 * MIB));
    CHECK(buffer != NULL && realloc(buffer, opaque_size(0)) == NULL);
    free(opaque(calloc(0, 2 * MIB)));
    return 0;
}
