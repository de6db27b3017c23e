// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What zeropool compare has measured, and how it is reported (compare_report.c).
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_COMPARE_H
#define ZP_COMMAND_COMPARE_H

#include "command/measure.h"

enum { ZP_SIDES_MOST = 8 };

// One of the ways in which the program is run.
struct zp_side {
    const char *name;
    const char *library;         // preloaded; NULL: none
    double *values[ZP_MEASURES]; // a value for each round
    struct zp_spread spread[ZP_MEASURES];
    int status; // what the program ends with
};

struct zp_comparison {
    struct zp_side sides[ZP_SIDES_MOST]; // the first: without a library, the second: zeropool
    unsigned side_count, rounds;
    char **program;
};

// Prints the result: as text with a sentence about each side, or as JSON.
void zp_comparison_print(const struct zp_comparison *comparison);
void zp_comparison_print_json(const struct zp_comparison *comparison);

#endif
