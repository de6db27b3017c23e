// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs a program of the system's as a filter.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_FILTER_H
#define ZP_COMMAND_FILTER_H

#include <stdio.h>

// What the program writes when it reads all of `input`, a file, which is closed. The program is
// found by PATH, and runs without this library. NULL if it is not there or fails.
FILE *zp_filter(char *const *words, FILE *input);

#endif
