// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stalls: whether huge pages are worth asking for just now.
//
// A huge page costs some 100 us at its first touch, for clearing 2 MiB. Where memory is in pieces the
// kernel may first compact it, and where a virtual machine's host has taken free memory back, it has
// to find 2 MiB again: 1 to 3 ms each, which a large read pays hundreds of times. So one huge page of
// each buffer that is given the advice is touched here, timed. After a few slow ones in a row no
// advice is given for a second, for twice as long each time that it is no better then.
//
// Always holds: this is a hint. What is touched here was about to be written by the program.
//
// Locking: none; a few words, each read and written at once. Fork: a child goes on with what its
// parent knew.

#ifndef ZP_CORE_STALL_H
#define ZP_CORE_STALL_H

#include "base.h"

// Whether advice is to be given.
bool zp_stall_allows_huge(void);

// Brings a range that is about to be written into memory; false if the kernel refused. `huge` says
// that it comes in huge pages: then it is timed.
bool zp_stall_populate(char *base, size_t bytes, bool huge);

#endif
