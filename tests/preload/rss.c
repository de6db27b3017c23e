// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What buffers cost in memory is what was asked for, to the page: no rounding up to size classes or
// huge pages, and nothing for what was never written.

#include "check.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 100 };

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

// `percent` of what `count` written buffers of `size` bytes may cost.
static void written_buffers(size_t count, size_t size, size_t percent)
{
    void *buffers[MOST];
    size_t before = resident();
    for (size_t i = 0; i < count; i++)
        memset(buffers[i] = malloc(size), 1, size);
    CHECK(resident() - before <= count * size / 100 * percent);
    CHECK(resident() - before >= count * size / 100 * 99); // or nothing was measured
    for (size_t i = 0; i < count; i++)
        free(buffers[i]);
    malloc_trim(0);
}

static void untouched_calloc(void)
{
    size_t before = resident();
    char *buffer = calloc(512, MIB);
    CHECK(buffer != NULL && resident() < before + MIB);
    free(buffer);
    CHECK(resident() < before + MIB);
}

// As above, from a buffer that the pool has had back.
static void untouched_recycled_calloc(void)
{
    size_t before = resident();
    void *first = opaque(malloc(512 * MIB));
    free(first);
    char *again = calloc(512, MIB);
    CHECK(again == first && resident() < before + MIB);
    again[100 * MIB] = 1;
    free(again);
    CHECK(resident() < before + 4 * MIB); // the one page, which may have been a huge one
    again = calloc(512, MIB);
    CHECK(again == first && again[100 * MIB] == 0 && resident() < before + 4 * MIB);
    free(again);
}

int main(void)
{
    require_library();
    // The kernel refuses what is as long as all memory of the machine.
    if (proc_kib("/proc/meminfo", "MemTotal:") * KIB < GIB)
        check_skip("less than 1 GiB of memory");
    free(opaque(malloc(MIB))); // the pool is there before anything is measured
    untouched_calloc();
    untouched_recycled_calloc();
    written_buffers(20, 5120000, 102);
    written_buffers(100, 4 * MIB + 33, 105);
    return 0;
}
