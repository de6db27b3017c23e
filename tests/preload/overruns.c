// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buffers below 2 MiB lie side by side in strides that are accessible to the end: what a program
// writes behind such a buffer faults nowhere. Breaks when a later buffer that is longer shows it as
// fresh memory: after it was pooled, given back to the kernel, in a child, or grown by realloc.
//
// usage: overruns [zeroed]: every new buffer has to be zero, not calloc's alone

#include "check.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFERS = 12, ROUNDS = 3 };

static const size_t shorter = 1100 * KIB, longer = 1200 * KIB; // of one class

static char *buffers[BUFFERS];
static bool all_zeroed;

// Each is filled to its end, and behind it. Without scrubbing a longer buffer may show what an
// earlier one of that length held: so there is none.
static void take_and_overrun(void)
{
    if (!all_zeroed)
        malloc_trim(0);
    for (int i = 0; i < BUFFERS; i++) {
        CHECK((buffers[i] = opaque(malloc(shorter))) != NULL);
        memset(buffers[i], 0x5A, longer);
    }
}

static void put(void)
{
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
}

static void check_longer(void)
{
    char *zeroed = calloc(1, longer);
    CHECK(zeroed != NULL && all_bytes(zeroed, 0, longer));
    for (int i = 0; i < BUFFERS; i++) {
        CHECK((buffers[i] = malloc(longer)) != NULL);
        // What lies behind an earlier buffer's end is not that buffer's content: zero, always.
        size_t from = all_zeroed ? 0 : malloc_usable_size(buffers[i]) - 16 * KIB;
        CHECK(all_bytes(buffers[i] + from, 0, longer - from));
    }
    put();
    free(zeroed);
}

static void in_a_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        check_longer();
        _exit(0);
    }
    expect_success(child);
}

static void grow(void)
{
    take_and_overrun();
    for (int i = 0; i < BUFFERS; i++) {
        size_t had = malloc_usable_size(buffers[i]);
        CHECK((buffers[i] = realloc(buffers[i], longer)) != NULL);
        CHECK(all_bytes(buffers[i], 0x5A, shorter));
        if (had < longer)
            CHECK(all_bytes(buffers[i] + had, 0, longer - had));
    }
    put();
}

int main(int count, char **arguments)
{
    require_library();
    all_zeroed = count > 1 && strcmp(arguments[1], "zeroed") == 0;
    for (int round = 0; round < ROUNDS; round++) {
        take_and_overrun();
        put();
        check_longer();

        take_and_overrun();
        put();
        malloc_trim(0); // all of it is cold
        check_longer();

        take_and_overrun();
        in_a_child();
        put();
        in_a_child();
        check_longer();

        malloc_trim(0);
        grow();
    }
    return 0;
}
