// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buffers that are filled from files.
//
// Whether all of a new buffer will be written is not known when it is handed out. A large read from
// a file into it shows that it will, early enough to put it in huge pages: one fault for 2 MiB
// instead of 512.
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
// where it stands if that is negative.
void zp_fill_expect(char *to, size_t bytes, int fd, off_t offset);

#endif
