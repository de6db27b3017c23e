// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scrubbing: making every byte of a range zero, for the price of the pages that are in memory.
//
// A page that is in memory is overwritten, unless it reads as zero: then it is left alone. Where a
// program only reads, the kernel shows the one zero page that all share, and mincore calls it in
// memory; to overwrite it would take memory that nobody has used. A page that is not in memory has
// never been written or was swapped out; it is dropped, which reads as zero as well, or left as it
// is where nothing can be swapped out. Ranges with many holes are dropped whole: as many calls as
// holes would cost more than the faults they save.
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
    size_t kept;    // bytes that read as zero as they were: in memory, or the kernel's zero page
    size_t dropped; // bytes given back to the kernel
};

// What is known of a range beforehand.
struct zp_scrub_hint {
    bool cached; // the processor's cache is likely to hold its content
    bool huge;   // it was touched in huge pages, but for its ends: one look tells of 2 MiB
};

// Zeroes `length` bytes at `base`, both multiples of the page size. 0, or a negative errno when the
// kernel refused to drop pages: the range is then not to be trusted.
int zp_scrub(char *base, size_t length, struct zp_scrub_hint hint, struct zp_scrub_result *result);

// The first byte of such a range that is not zero; NULL if all are. Brings nothing into memory that
// is known not to be there.
const char *zp_scrub_find(char *base, size_t length);

// The same as zp_scrub for a range whose every page is known to be in memory.
void zp_scrub_resident(char *base, size_t length, bool cached);

// Whether a few lines of a range that is in memory, all over it, are zero, all or nearly all: then
// next to nothing was written to it, or one byte here and there. For the time of two fetches.
bool zp_scrub_looks_unwritten(const char *base, size_t length);

#endif
