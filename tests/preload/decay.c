// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Under ZEROPOOL_DECAY_MS=200: what has been idle for longer is back with the kernel after a
// handful of large requests.

#include "check.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUFFERS = 40, HANDFUL = 8 };

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

static void fill_pool(size_t size)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++)
        memset(buffers[i] = malloc(size), 1, size);
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
}

static void goes_back(size_t size)
{
    size_t before = resident();
    size_t pooled = BUFFERS * size;
    do
        fill_pool(size);
    while (mallinfo2().keepcost <
           pooled / 100 * 99); // a busy machine takes longer than the idle time
    size_t retained = mallinfo2().keepcost;

    // The idle time itself; a machine that takes longer over it only makes the buffers older.
    struct timespec idle = {0, 400 * 1000 * 1000};
    CHECK(nanosleep(&idle, NULL) == 0);
    CHECK(mallinfo2().keepcost == retained); // nobody does it behind the program's back
    for (int i = 0; i < HANDFUL; i++)
        free(opaque(malloc(MIB)));
    CHECK(mallinfo2().keepcost <= pooled / 20);
    CHECK(resident() <= before + pooled / 20 + MIB);
}

int main(void)
{
    require_library();
    free(opaque(malloc(MIB)));
    goes_back(12 * MIB); // mostly in shards
    goes_back(3 * MIB);
    goes_back(MIB);
    return 0;
}
