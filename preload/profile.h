// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The profile's file (ZEROPOOL_PROFILE): lines of words, first `zeropool-profile 1`.
// docs/profile.md describes them; `zeropool report` reads them.
//
// Always holds: the file appears whole or not at all: it is written under another name beside its
// place, and then renamed. A process that made no large request writes none, so that a shell does
// not overwrite the profile of the program that it started. Neither does the child of a fork,
// unless the file's name has the process's number in it (%p).
//
// Locking: none; at the end of the program. Fork: as above.

#ifndef ZP_PRELOAD_PROFILE_H
#define ZP_PRELOAD_PROFILE_H

#include "core/pool.h"

// The part of the pool's configuration; all zeros if the option is off.
struct zp_profile_config zp_profile_wanted(void);

// Writes the file, if there is something to write.
void zp_profile_write(void);

#endif
