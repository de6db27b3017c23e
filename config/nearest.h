// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How far a misspelt name is from a known one: for "did you mean".
//
// Nothing here allocates or changes errno. Locking: none.

#ifndef ZP_CONFIG_NEAREST_H
#define ZP_CONFIG_NEAREST_H

#include <stddef.h>

enum {
    ZP_NAME_MOST = 32,     // letters of the longest name that is compared
    ZP_NO_MISSPELLING = 4, // names this far apart, or farther, have nothing to do with each other
};

// Letters to insert, delete or replace that turn `a` into `b` (Levenshtein); ZP_NO_MISSPELLING if
// one of them is too long to compare.
unsigned zp_letters_apart(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
