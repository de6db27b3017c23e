// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Under strict overcommit, which tests/preload/overcommit.sh sets: more than the machine has to
// commit. Breaks when a request that cannot be had gives anything but NULL with ENOMEM, or costs
// what was there before. (tests/preload/committed.c has what is given back.)

#include "tests/preload/check.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

// What jemalloc loses by such requests: about 8 MiB by each.
static const size_t lost = 200 * MIB;

int main(void)
{
    require_library();
    size_t before = proc_committed(), more = proc_kib("/proc/meminfo", "CommitLimit:") * KIB + GIB;
    char *kept = malloc(64 * MIB), *small = malloc(1000);
    CHECK(kept != NULL && small != NULL);
    memset(kept, 1, 64 * MIB);
    // Few, as jemalloc loses addresses by each, and some of its own memory with them.
    for (int i = 0; i < 3; i++) {
        errno = 0;
        CHECK(malloc(opaque_size(more)) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(calloc(1, opaque_size(more)) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(realloc(kept, opaque_size(more)) == NULL && errno == ENOMEM);
        CHECK(aligned_alloc(opaque_size(MIB), more) == NULL);
        void *aligned;
        CHECK(posix_memalign(&aligned, 4 * KIB, opaque_size(more)) == ENOMEM);
        CHECK(all_bytes(kept, 1, 64 * MIB));
        void *next = malloc(3 * MIB), *next_small = malloc(100 * KIB);
        CHECK(next != NULL && next_small != NULL);
        free(next);
        free(next_small);
    }
    CHECK(proc_committed() < before + 64 * MIB + lost);
    free(kept);
    free(small);
    malloc_trim(0);
    CHECK(proc_committed() < before + lost);
    return 0;
}
