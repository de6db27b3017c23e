// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scrubbing: making every byte of a range zero, for the price of the pages that are in memory.
//
// A page that is in memory is overwritten. One that is not has never been written or was swapped
// out; it is dropped, which reads as zero as well, or left as it is where nothing can be swapped
// out. Ranges with many holes are dropped whole: as many calls as holes would cost more than the
// faults they save.
//
// How a page is overwritten depends on where its content is. What the processor's cache still holds
// is fastest overwritten there, by memset. What has been pushed out would be read back only to be
// overwritten, and something else pushed out for it: stores that go past the cache halve the time.
//
// Locking: none; the caller owns the range. Fork: the caller sees to it that no page is shared.

#ifndef ZP_CORE_SCRUB_H
#define ZP_CORE_SCRUB_H

#include "base.h"

// Picks the instructions that are fastest on this processor. Called once; until then it is memset.
void zp_scrub_init(void);

struct zp_scrub_result {
    size_t written; // bytes overwritten: these are in memory now
    size_t dropped; // bytes given back to the kernel
};

// Zeroes `length` bytes at `base`, both multiples of the page size; `cached` says that the
// processor's cache is likely to hold them. 0, or a negative errno when the kernel refused to drop
// pages: the range is then not to be trusted.
int zp_scrub(char *base, size_t length, bool cached, struct zp_scrub_result *result);

// The first byte of such a range that is not zero; NULL if all are. Brings nothing into memory that
// is known not to be there.
const char *zp_scrub_find(char *base, size_t length);

// The same as zp_scrub for a range whose every page is known to be in memory.
void zp_scrub_resident(char *base, size_t length, bool cached);

#endif
