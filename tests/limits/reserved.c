// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buffers in reserved huge pages (ZEROPOOL_HUGETLB=2M), of which tests/limits/reserved.sh has set
// aside a few.
//
// usage: reserved use | fork | none

#include "tests/preload/check.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 64 };

static const size_t size = 5 * MIB;

static size_t reserved(void)
{
    return proc_kib("/proc/self/status", "HugetlbPages:") * KIB;
}

// Breaks when buffers are in other pages, dirty, or keep pages that were given back.
static void use(void)
{
    char *buffers[2];
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < 2; i++) {
            buffers[i] = calloc(1, size);
            CHECK(buffers[i] != NULL && all_bytes(buffers[i], 0, size));
            memset(buffers[i], 1, size);
        }
        CHECK(reserved() == 8 * MIB);
        for (int i = 0; i < 2; i++)
            free(buffers[i]);
    }
    malloc_trim(0);
    CHECK(reserved() == 0);
}

// Breaks when a program dies because there are none.
static void none(void)
{
    char *buffer = malloc(size);
    memset(buffer, 1, size);
    CHECK(reserved() == 0);
    free(buffer);
}

static void write_all(char *const *buffers, int count, int value)
{
    for (int i = 0; i < count; i++)
        memset(buffers[i], value, size);
}

static void in_child(char *const *buffers, int count, int parent_has_written)
{
    char byte;
    CHECK(read(parent_has_written, &byte, 1) == 1);
    for (int i = 0; i < count; i++)
        CHECK(all_bytes(buffers[i], 1, size));
    write_all(buffers, count, 3);
    for (int i = 0; i < count; i++)
        free(buffers[i]);
    char *own = malloc(size);
    memset(own, 4, size);
    free(own);
    _exit(0);
}

// Breaks when a child or its parent is killed for want of a page, because both write to what the
// fork has shared and no page is left.
static void fork_without_pages_left(void)
{
    char *buffers[MOST];
    int count = 0, ends[2];
    for (size_t before = 1; count < MOST && reserved() != before;) {
        before = reserved();
        buffers[count] = malloc(size);
        CHECK(buffers[count] != NULL);
        count++;
    }
    CHECK(reserved() != 0 && count < MOST);
    write_all(buffers, count, 1);
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0)
        in_child(buffers, count, ends[0]);
    write_all(buffers, count, 2);
    CHECK(write(ends[1], "", 1) == 1);
    expect_success(child);
    for (int i = 0; i < count; i++)
        CHECK(all_bytes(buffers[i], 2, size));
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    require_library();
    if (strcmp(arguments[1], "use") == 0)
        use();
    else if (strcmp(arguments[1], "none") == 0)
        none();
    else
        fork_without_pages_left();
    return 0;
}
