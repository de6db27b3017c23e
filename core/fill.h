// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buffers that are filled from files.
//
// Whether all of a new buffer will be written is not known when it is handed out. A large read from
// a file into it shows that it will, early enough to put it in huge pages: one fault for 2 MiB
// instead of 512. What comes in small pages is fetched in one call, in 0.8 of the time that a fault
// for each takes (decision 48).
//
// Always holds: this is a hint, and content is never changed by it.
//
// Locking: none; the buffer is its owner's, who may read into it from several threads. Fork:
// nothing to do.

#ifndef ZP_CORE_FILL_H
#define ZP_CORE_FILL_H

#include "arena.h"

#include <sys/types.h>

// Up to `bytes` are about to be read to `to`, an address of the arena, from a file at an offset, or
// where it stands if that is negative. Returns how many of them are worth zp_fill_fetch.
size_t zp_fill_expect(char *to, size_t bytes, int fd, off_t offset);

// Whether what is written to a buffer comes in huge pages that are not there yet.
bool zp_fill_comes_huge(const struct zp_slot *slot);

// Fetches the pages of a range that is about to be written. A refusal is ignored.
void zp_fill_fetch(char *to, size_t bytes);

#endif
