// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Peak: which buffers the program held when it held most, and in which order it got them.
//
// What a program holds falls only where a buffer is freed. So before that, and at the end, it is
// compared with the most that has been noted; if it is more, the live slots are looked through.
// Of buffers that are not wholly in memory, as far as a few of their pages tell, nothing is noted:
// their owners use them here and there.
//
// Always holds: these are hints. All looks together take about a 32nd of the program's time at
// most, so a peak that comes soon after a look may be noted when a part of it has gone. What a
// thread frees into its cache by the fast path, with scrubbing off, is seen one buffer late.
//
// Locking: one thread at a time looks; others go on. Fork: a child whose parent was looking does
// not look any more.

#ifndef ZP_CORE_PEAK_H
#define ZP_CORE_PEAK_H

#include "prewarm.h"

// Called once.
void zp_peak_init(bool on);

extern bool zp_peak_is_on;

// Before the program holds less.
void zp_peak_look(void);

// Looks once more, whatever that takes; then writes the list in the order in which the program got
// the buffers, equal neighbours as one entry, and returns the number of entries: up to
// ZP_PREWARM_MOST, and if there were more buffers, the largest of them. 0 as well if another thread
// is looking.
unsigned zp_peak_list(struct zp_prewarm *list);

#endif
