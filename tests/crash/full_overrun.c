// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With everything checked a write behind any buffer faults, and is explained.

#include "crash.h"

#include <malloc.h>

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    char *buffer = opaque(malloc(strtoul(argv[1], NULL, 0)));
    size_t size = malloc_usable_size(buffer);
    char fault[100];
    snprintf(fault, sizeof(fault), "access at offset %zu of a buffer of %zu bytes", size, size);
    expect_fatal(fault, buffer);
    expect_at("main");
    expect_signal(SIGSEGV);
    buffer[size] = 1;
}
