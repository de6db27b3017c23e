// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Zeros: whether memory is zero.
//
// Locking: none; the caller owns the range. Fork: nothing to do.

#ifndef ZP_CORE_ZEROS_H
#define ZP_CORE_ZEROS_H

#include "base.h"

// Chooses the fastest instructions of this processor. Called once; until then those are used that
// every processor has.
void zp_zeros_init(void);

// Whether a cache line is all zero.
static inline bool zp_is_line_zero(const char *line)
{
    const uint64_t *word = (const uint64_t *)(const void *)line;
    return (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7]) == 0;
}

// Whether `length` bytes are all zero; `base` and `length` are multiples of 1 KiB. Stops soon after
// the first that is not.
bool zp_is_zero(const char *base, size_t length);

#endif
