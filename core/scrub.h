// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scrubbing: making every byte of a range zero, at a cost that depends on its resident pages.
//
// A resident page is overwritten, unless it reads as zero. mincore also calls a page resident that
// was only read, where the kernel maps its shared zero page; to overwrite that would allocate
// memory. A page that is not resident was never written, or is swapped out: it is dropped, which
// reads as zero, or left alone if there is no swap space. Ranges with many holes are dropped as a
// whole: a call per hole would cost more than the page faults that it saves.
//
// How a page is overwritten depends on where its content is. What the processor's cache still holds
// is overwritten there, by memset. What has left the cache would be fetched only to be overwritten:
// non-temporal stores, which bypass the cache, take half the time.
//
// Locking: none; the caller owns the range. Fork: the caller makes sure that no page is shared.

#ifndef ZP_CORE_SCRUB_H
#define ZP_CORE_SCRUB_H

#include "base.h"

// Chooses the fastest instructions of this processor. Called once; until then memset is used.
void zp_scrub_init(void);

struct zp_scrub_result {
    size_t written; // bytes overwritten: these are in memory now
    size_t kept;    // bytes that already read as zero: resident, or the kernel's zero page
    size_t dropped; // bytes given back to the kernel
    uint32_t us;    // microseconds that looking at resident pages and overwriting them took
};

// What is known of a range beforehand.
struct zp_scrub_hint {
    bool cached; // the processor's cache is likely to hold its content
    bool huge;   // in huge pages, except for its ends: one page stands for 2 MiB
};

// Zeroes `length` bytes at `base`, both multiples of the page size. 0, or a negative errno if the
// kernel refused to drop pages: the content is then undefined.
int zp_scrub(char *base, size_t length, struct zp_scrub_hint hint, struct zp_scrub_result *result);

// The first byte of such a range that is not zero; NULL if all are. Does not touch pages that are
// known not to be resident.
const char *zp_scrub_find(char *base, size_t length);

// The same as zp_scrub for a range whose every page is known to be in memory.
void zp_scrub_resident(char *base, size_t length, bool cached);

// Whether nearly all of a few cache lines, spread over a resident range, are zero: then next to
// nothing was written to it, or a byte here and there. Takes the time of two memory accesses.
bool zp_scrub_looks_unwritten(const char *base, size_t length);

#endif
