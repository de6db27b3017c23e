// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Holds buffers, live ones and pooled ones, for a script to look at or to measure itself.
//
// usage: holder hold             24 MiB, until its input ends
//        holder resident some    what is resident against what was asked for, and huge pages: some
//        holder resident none    or none

#include "tests/preload/check.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFERS = 40 };

static void hold(void)
{
    char *live = malloc(16 * MIB), *pooled = malloc(8 * MIB);
    memset(live, 1, 16 * MIB);
    memset(pooled, 2, 8 * MIB);
    free(pooled);
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    CHECK(all_bytes(live, 1, 16 * MIB));
    free(live);
}

static size_t of_rollup(const char *field)
{
    return proc_kib("/proc/self/smaps_rollup", field) * KIB;
}

// Sizes that fit no huge page, held by the dozen, and again out of the pool.
static void compare(bool some)
{
    static const size_t sizes[] = {MIB, 1500000, 3300000, 5120000, 9000000};
    free(opaque(malloc(MIB)));
    malloc_trim(0);
    size_t before = of_rollup("Rss:"), huge_before = of_rollup("AnonHugePages:");
    for (int round = 0; round < 2; round++) {
        char *buffers[BUFFERS];
        size_t asked = 0;
        for (int i = 0; i < BUFFERS; i++) {
            size_t size = sizes[i % (int)(sizeof(sizes) / sizeof(sizes[0]))];
            memset(buffers[i] = malloc(size), 1, size);
            asked += size;
        }
        size_t resident = of_rollup("Rss:") - before;
        size_t huge = of_rollup("AnonHugePages:");
        CHECK(resident >= asked && resident < asked + asked / 20);
        CHECK(some || huge <= huge_before);
        if (some && huge == 0)
            puts("the kernel gave no huge page: that they are taken was not tested");
        for (int i = 0; i < BUFFERS; i++)
            free(buffers[i]);
    }
}

int main(int count, char **arguments)
{
    require_library();
    CHECK(count >= 2);
    if (strcmp(arguments[1], "hold") == 0) {
        hold();
    } else {
        CHECK(count == 3);
        compare(strcmp(arguments[2], "some") == 0);
    }
    return 0;
}
