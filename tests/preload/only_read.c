// SPDX-License-Identifier: MIT OR Apache-2.0
//
// free of what was only read takes no memory, nor does clearing it for calloc: the kernel shows
// such pages as resident, but they are the one zero page that everybody shares. Breaks when they
// are overwritten; or when a byte among them that was written is left behind.
//
// usage: only_read [huge]: a page that is written may be a huge one

#include "check.h"

#include <stdlib.h>
#include <string.h>

#define SIZE (256 * MIB)

// What the library's own memory may grow by, and pages that are written.
#define SLACK (8 * MIB)

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

static void read_all(const volatile char *buffer, size_t size)
{
    for (size_t i = 0; i < size; i += 4096)
        CHECK(buffer[i] == 0);
}

int main(int argc, char **argv)
{
    bool huge = argc > 1 && strcmp(argv[1], "huge") == 0;
    require_library();
    free(opaque(malloc(MIB))); // the pool is there before anything is measured
    size_t before = resident();
    for (unsigned round = 0; round < 3; round++) {
        char *buffer = opaque(calloc(1, SIZE));
        CHECK(buffer != NULL);
        read_all(buffer, SIZE);
        CHECK(resident() < before + SLACK);
        free(buffer);
        CHECK(resident() < before + SLACK);
    }
    // A page here and there is written, at its end, among those that are read.
    size_t step = huge ? SIZE - 4096 : 601 * 4096;
    for (unsigned round = 0; round < 3; round++) {
        char *buffer = opaque(calloc(1, SIZE));
        CHECK(buffer != NULL);
        read_all(buffer, SIZE);
        for (size_t i = 4095; i < SIZE; i += step)
            CHECK(buffer[i]++ == 0);
        CHECK(resident() < before + SLACK);
        free(buffer);
        CHECK(resident() < before + SLACK);
    }
    char *buffer = opaque(calloc(1, SIZE));
    CHECK(all_bytes(buffer, 0, SIZE));
    free(buffer);
    CHECK(resident() < before + SLACK);
    return 0;
}
