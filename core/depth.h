// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Depth: how many readers at once pay for a file that is not in the page cache.
//
// One reader waits for the device after each request. Where a request has latency, n readers are
// nearly n times as fast; where the device is the limit they gain nothing, and may disturb how the
// kernel reads ahead. So a read starts with one reader, takes four times as many while that gains a
// sixth, and goes back to the number before when it does not. What was found holds for the next
// reads from the same device, for two seconds.
//
// Locking: none. What is remembered is a few words, each read and written atomically; a measurement
// belongs to one thread. Fork: the child keeps what was found.

#ifndef ZP_CORE_DEPTH_H
#define ZP_CORE_DEPTH_H

#include "base.h"

enum { ZP_DEPTH_MOST = 16 };

struct zp_depth {
    uint64_t device;
    unsigned readers;
    bool settled;   // no other number is tried
    uint64_t best;  // bytes per second with the number before; 0: not measured
    uint32_t start; // of this measurement, in microseconds
    size_t bytes;   // read before it
};

// Starts with what is known of the device.
void zp_depth_begin(struct zp_depth *depth, uint64_t device);

// `bytes` have been read since zp_depth_begin, in parts of `part`. May change `readers`.
void zp_depth_measure(struct zp_depth *depth, size_t bytes, size_t part);

// Remembers what is known now.
void zp_depth_end(const struct zp_depth *depth);

#endif
