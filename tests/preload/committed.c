// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Under strict overcommit, which overcommit.sh sets: what buffers add to Committed_AS is gone once
// they are freed and not kept, and the reservation adds nothing.

#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static size_t committed(void)
{
    return proc_kib("/proc/meminfo", "Committed_AS:") * KIB;
}

// Other processes come and go meanwhile.
static const size_t noise = 200 * MIB;

int main(void)
{
    require_library();
    size_t before = committed();
    free(opaque(malloc(MIB)));
    CHECK(committed() < before + noise);

    for (int i = 0; i < 10; i++) {
        char *buffer = malloc(512 * MIB);
        CHECK(buffer != NULL && buffer[0] == 0);
        memset(buffer, 1, 16 * MIB);
        CHECK(committed() > before + 512 * MIB - noise);
        free(buffer);
    }
    malloc_trim(0);
    CHECK(committed() < before + noise);

    char *buffer = malloc(512 * MIB);
    CHECK(buffer != NULL);
    buffer = realloc(buffer, MIB);
    CHECK(committed() < before + noise);
    free(buffer);

    errno = 0;
    CHECK(malloc(opaque_size(GIB << 10)) == NULL && errno == ENOMEM);
    return 0;
}
