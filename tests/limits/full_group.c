// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In a memory group of 400 MB. Breaks when the program is killed for what only the pool has use
// for: because the group is almost full of other memory, or because its limit is lowered while
// buffers wait in the pool. (tests/preload/reclaim.c has other memory that comes later.)
//
// usage: full_group full | lowered FILE, in which the limit is set

#include "tests/preload/check.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUFFERS = 6 };

static const size_t size = 32 * MIB;

static void use_buffers(int count)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < count; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && all_bytes(buffers[i], 0, size));
        memset(buffers[i], 1, size);
    }
    for (int i = 0; i < count; i++) {
        CHECK(all_bytes(buffers[i], 1, size));
        free(buffers[i]);
    }
}

// Leaves room for two buffers and uses one at a time, of many sizes, which all want to stay pooled.
static void full(void)
{
    size_t own = 300 * MIB;
    char *other = mmap(NULL, own, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(other != MAP_FAILED);
    memset(other, 1, own);
    for (size_t i = 0; i < 100; i++) {
        size_t wanted = 2 * MIB + i % 20 * 3 * MIB;
        char *buffer = malloc(wanted);
        CHECK(buffer != NULL && all_bytes(buffer, 0, wanted));
        memset(buffer, 2, wanted);
        free(buffer);
    }
    CHECK(all_bytes(other, 1, own));
}

// False if the kernel cannot take as much as that would need.
static bool set_limit(const char *file, size_t bytes)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%zu", bytes);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    bool set = write(fd, text, (size_t)length) == length;
    close(fd);
    return set;
}

// Lowers the limit below what is pooled: the kernel has to find those pages.
static void lowered(const char *file)
{
    for (int i = 0; i < 3; i++) {
        use_buffers(BUFFERS);
        CHECK(mallinfo2().keepcost >= BUFFERS * size / 10 * 9);
        CHECK(set_limit(file, 120 * MIB));
        use_buffers(2);
        CHECK(set_limit(file, 400 * MIB));
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    require_library();
    if (strcmp(arguments[1], "full") == 0)
        full();
    else
        lowered(arguments[2]);
    puts("survived");
    return 0;
}
