// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A crash program says on stdout what the library must write to stderr, and then does the wrong
// thing. run.sh compares the two, and the signal.

#ifndef ZP_TESTS_CRASH_H
#define ZP_TESTS_CRASH_H

#include "tests/preload/check.h"

#include <stdio.h>
#include <stdlib.h>

static inline void expect_fatal(const char *fault, const void *pointer)
{
    require_library();
    printf("zeropool: fatal: %s (pointer %p)\n", fault, pointer);
    fflush(stdout);
}

#endif
