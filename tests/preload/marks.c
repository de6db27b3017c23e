// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a program did to the pages of a buffer ends with the buffer: the next owner finds memory
// that is zero, writable and inherited by children, as if it had come from mmap.

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t sizes[] = {MIB, 8 * MIB};

static void lock(char *buffer, size_t size)
{
    (void)mlock(buffer, size / 2); // refused where the limit is low
}

static void keep_from_children(char *buffer, size_t size)
{
    CHECK(madvise(buffer, size, MADV_DONTFORK) == 0);
}

static void wipe_in_children(char *buffer, size_t size)
{
    CHECK(madvise(buffer, size, MADV_WIPEONFORK) == 0);
}

static void make_read_only(char *buffer, size_t size)
{
    CHECK(mprotect(buffer, size, PROT_READ) == 0);
}

static void make_half_unreadable(char *buffer, size_t size)
{
    CHECK(mprotect(buffer + size / 2, size / 2, PROT_NONE) == 0);
}

static void outlived(void (*mark)(char *buffer, size_t size), size_t size, bool fork_between)
{
    char *buffers[8];
    for (int i = 0; i < 8; i++) {
        memset(buffers[i] = valloc(size), 1, size);
        mark(buffers[i], size);
    }
    for (int i = 0; i < 8; i++)
        free(buffers[i]);
    if (fork_between) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        expect_success(child);
    }
    for (int i = 0; i < 8; i++)
        check_as_new(buffers[i] = valloc(size), size);
    for (int i = 0; i < 8; i++)
        free(buffers[i]);
}

int main(int count, char **arguments)
{
    const struct {
        const char *name;
        void (*mark)(char *buffer, size_t size);
    } marks[] = {{"lock", lock},
                 {"keep-from-children", keep_from_children},
                 {"wipe-in-children", wipe_in_children},
                 {"read-only", make_read_only},
                 {"half-unreadable", make_half_unreadable}};
    require_library();
    CHECK(count == 2);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strcmp(marks[i].name, arguments[1]) != 0)
            continue;
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            outlived(marks[i].mark, sizes[j], false);
            outlived(marks[i].mark, sizes[j], true);
        }
        return 0;
    }
    return 2;
}
