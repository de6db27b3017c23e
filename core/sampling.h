// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sampling: which requests the profile records.
//
// While there are few, all of them. Above a rate one of 2, 4, 8 ... is, and stands for as many. It
// is chosen at random: of a program that makes requests in turn every second one would always be
// the same.
//
// Locking: the caller's. Fork: nothing to do.

#ifndef ZP_CORE_SAMPLING_H
#define ZP_CORE_SAMPLING_H

#include "base.h"

struct zp_sampling {
    uint32_t rate;             // requests per second that are recorded, about; 0: all
    uint32_t every;            // one of so many is
    uint32_t window;           // on the clock: when the present window began
    uint32_t recorded, passed; // requests in it
    uint64_t random;
};

void zp_sampling_init(struct zp_sampling *sampling, uint32_t rate);

// How many requests the one of now stands for; 0: it is not recorded.
uint32_t zp_sampling_weigh(struct zp_sampling *sampling);

#endif
