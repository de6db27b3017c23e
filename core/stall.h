// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stalls: whether faults of huge pages are too slow at the moment to ask for huge pages.
//
// The first touch of a huge page takes some 100 us, for clearing 2 MiB. If memory is fragmented the
// kernel may compact it first, and if the host of a virtual machine has taken free memory back, the
// host has to find 2 MiB again: 1 to 3 ms each, hundreds of times in a large read. So one huge page
// of a buffer that is given the advice is touched here, and timed, unless one was fast a moment
// ago. After a few slow ones in a row the advice is withheld for a second, and for twice as long
// each time that it is no better then.
//
// Always holds: this is a hint. What is touched here was about to be written by the program.
//
// Locking: none; a few words, each read and written atomically. Fork: the child keeps what was
// learned.

#ifndef ZP_CORE_STALL_H
#define ZP_CORE_STALL_H

#include "base.h"

// Whether huge pages are to be advised.
bool zp_stall_allows_huge(void);

// Whether a huge page is to be timed: none was fast within the last milliseconds.
bool zp_stall_is_due(void);

// Populates a range that is about to be written; false if the kernel refused. `huge` says that it
// comes in huge pages: then it is timed.
bool zp_stall_populate(char *base, size_t bytes, bool huge);

// What was populated so far, and the microseconds that it took: how fast pages come here. The
// second makes both zero, in the child of a fork.
struct zp_stall_fetched {
    uint64_t bytes, us;
};

struct zp_stall_fetched zp_stall_fetched(void);
void zp_stall_forget_fetched(void);

#endif
