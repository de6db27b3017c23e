// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Under strict overcommit, which overcommit.sh sets: what buffers add to the committed memory is
// gone once they are freed and not kept, and the reservation adds nothing.

#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

// What jemalloc takes for itself.
static const size_t noise = 16 * MIB;

int main(void)
{
    require_library();
    size_t before = proc_committed();
    free(opaque(malloc(MIB)));
    CHECK(proc_committed() < before + noise);

    for (int i = 0; i < 10; i++) {
        char *buffer = malloc(512 * MIB);
        CHECK(buffer != NULL && buffer[0] == 0);
        memset(buffer, 1, 16 * MIB);
        CHECK(proc_committed() > before + 512 * MIB - noise);
        free(buffer);
    }
    malloc_trim(0);
    CHECK(proc_committed() < before + noise);

    char *buffer = malloc(512 * MIB);
    CHECK(buffer != NULL);
    buffer = realloc(buffer, MIB);
    CHECK(proc_committed() < before + noise);
    free(buffer);

    errno = 0;
    CHECK(malloc(opaque_size(GIB << 10)) == NULL && errno == ENOMEM);
    return 0;
}
