// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Large requests before the library's constructor has run and after its destructor: from a
// constructor and a destructor of early.c, threads of theirs, and atexit.

#include "check.h"
#include "early.h"

#include <stdlib.h>
#include <string.h>

static void *kept;

static void at_exit(void)
{
    free(kept);
    kept = calloc(3, MIB);
    CHECK(kept != NULL && all_bytes(kept, 0, 3 * MIB));
}

int main(void)
{
    require_library();
    CHECK(early_kept != NULL && all_bytes(early_kept, 7, 5 * MIB));
    free(early_from_thread);
    kept = malloc(3 * MIB);
    memset(kept, 1, 3 * MIB);
    CHECK(atexit(at_exit) == 0);
    return 0;
}
