// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In a memory group of 400 MB, the default budget is 100 MB, and follows the limit when that is
// changed.
//
// usage: budget_auto FILE, in which the limit is set

#include "check.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS = 30 };

static const size_t size = 10 * MIB, slack = 16 * MIB;

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

// Has 300 MB and frees them; what is retained then.
static size_t free_many(void)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++)
        memset(buffers[i] = malloc(size), 1, size);
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
    return mallinfo2().keepcost;
}

static void set_limit(const char *file, size_t bytes)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%zu", bytes);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(write(fd, text, (size_t)length) == length);
    close(fd);
}

// Frees again and again, until that leaves from `least` to `most` bytes in the pool.
static void wait_for(size_t least, size_t most)
{
    struct timespec moment = {0, 100 * 1000 * 1000};
    time_t deadline = time(NULL) + 600;
    for (size_t retained; (retained = free_many()) < least || retained > most;) {
        CHECK(time(NULL) < deadline);
        nanosleep(&moment, NULL);
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    require_library();
    free(opaque(malloc(MIB)));
    size_t before = resident();
    size_t retained = free_many();
    CHECK(retained > 70 * MIB && retained <= 100 * MIB);
    CHECK(resident() <= before + 100 * MIB + slack);

    set_limit(arguments[1], 800 * MIB);
    wait_for(170 * MIB, 200 * MIB);

    set_limit(arguments[1], 360 * MIB);
    wait_for(60 * MIB, 90 * MIB);
    CHECK(resident() <= before + 90 * MIB + slack);
    puts("followed");
    return 0;
}
