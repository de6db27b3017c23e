// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Under ZEROPOOL_MAX_MEMORY=256M: 4,000 sizes, random lifetimes, 100,000 operations, about 1 GB
// live. What is resident is never more than live + budget + 5 %, and mappings stay few.

#include "check.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIZES = 4000, SLOTS = 1000, OPERATIONS = 100000, EVERY = 400, MAPPINGS_MOST = 10000 };

static const size_t budget = 256 * MIB, page = 4096;
static const size_t live_most = 1000 * 1000 * 1000;

static size_t sizes[SIZES];
static struct {
    char *base;
    size_t size;
} buffers[SLOTS];
static size_t live;

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

// 1 to 8 MiB, the smaller the more often, no two alike.
static void choose_sizes(void)
{
    for (size_t i = 0; i < SIZES; i++) {
        size_t doubling = i % 6 < 3 ? 0 : i % 6 < 5 ? 1 : 2;
        sizes[i] = (MIB << doubling) + (MIB << doubling) / SIZES * i + i;
    }
}

static void let_go(size_t index)
{
    CHECK(buffers[index].base[0] == 1 && buffers[index].base[buffers[index].size - 1] == 1);
    live -= buffers[index].size;
    free(buffers[index].base);
    buffers[index].base = NULL;
}

static void fetch(size_t index, size_t size)
{
    char *base = malloc(size);
    CHECK(base != NULL);
    for (size_t at = 0; at < size; at += page) {
        CHECK(base[at] == 0);
        base[at] = 1;
    }
    base[size - 1] = 1;
    buffers[index].base = base;
    buffers[index].size = size;
    live += size;
}

int main(void)
{
    require_library();
    uint64_t random = test_seed(4000);
    choose_sizes();
    free(opaque(malloc(MIB)));
    size_t before = resident(), most_live = 0, most_mapped = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        size_t index = next_random(&random) % SLOTS;
        size_t size = sizes[next_random(&random) % SIZES];
        if (buffers[index].base != NULL)
            let_go(index);
        else if (live + size <= live_most)
            fetch(index, size);
        if (i % EVERY != 0)
            continue;
        CHECK(resident() - before <= (live + budget) / 100 * 105);
        size_t mapped = proc_mappings();
        CHECK(mapped < MAPPINGS_MOST);
        most_mapped = mapped > most_mapped ? mapped : most_mapped;
        most_live = live > most_live ? live : most_live;
    }
    printf("at most %zu bytes live, %zu mappings\n", most_live, most_mapped);
    CHECK(most_live >= live_most / 10 * 9); // or less was tested than is said
    return 0;
}
