// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With everything checked a write to a freed buffer that has left quarantine is found when the
// buffer is used again.

#include "crash.h"

#include <malloc.h>

FRAME void *get_again(size_t size)
{
    void *buffer = malloc(size);
    __asm__ volatile("" ::: "memory");
    return buffer;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    size_t size = strtoul(argv[1], NULL, 0);
    char *buffer = opaque(malloc(size));
    size_t usable = malloc_usable_size(buffer);
    memset(buffer, 1, usable);
    let_go(buffer);
    end_quarantine();
    memcpy(buffer + 70000, "late", 4);
    char fault[200];
    snprintf(fault, sizeof(fault),
             "write after free at offset 70000 of a buffer of %zu bytes: 6c 61 74 65 00 00 00 00",
             usable);
    expect_fatal(fault, buffer);
    expect_at("get_again");
    expect_freed_at("let_go");
    opaque(get_again(size));
}
