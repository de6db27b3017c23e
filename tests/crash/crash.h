// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A crash program says on stdout what the library must write to stderr, and how the program must
// end, and then does the wrong thing. run.sh compares.

#ifndef ZP_TESTS_CRASH_H
#define ZP_TESTS_CRASH_H

#include "tests/preload/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A function of its own on the stack.
#define FRAME static __attribute__((noinline, unused))

// The line that must be written: "zeropool: fatal: <fault> (pointer 0x...)".
static inline void expect_fatal(const char *fault, const void *pointer)
{
    require_library();
    printf("zeropool: fatal: %s (pointer %p)\n", fault, pointer);
    fflush(stdout);
}

// A function that must stand in the first stack, of the call that was wrong; and one that must
// stand in the second, of where the buffer was freed.
static inline void expect_at(const char *function)
{
    printf("at %s\n", function);
    fflush(stdout);
}

static inline void expect_freed_at(const char *function)
{
    printf("freed at %s\n", function);
    fflush(stdout);
}

// The end, if it is not SIGABRT.
static inline void expect_signal(int number)
{
    printf("signal %d\n", number);
    fflush(stdout);
}

FRAME void let_go(void *buffer)
{
    free(buffer);
    __asm__ volatile("" ::: "memory"); // no tail call: it has a frame
}

// Frees so much that with ZEROPOOL_CHECK=full nothing freed before is in quarantine any longer.
static inline void end_quarantine(void)
{
    for (int i = 0; i < 20; i++)
        free(opaque(malloc(8 * MIB)));
}

#endif
