// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which program this process runs: its executable, and for an interpreter what it runs.
//
// A script is known by its path, with all links followed, so that it is the same by any name. What
// is given as text (python3 -c) or as a module (python3 -m) is known by a hash of that argument.
// An argument of any other program is data, not a part of it.
//
// Locking: none; called once, at start. Fork: nothing to do.

#ifndef ZP_PRELOAD_PROGRAM_H
#define ZP_PRELOAD_PROGRAM_H

#include "config/learned.h"

#include <stdbool.h>

struct zp_program {
    uint64_t hash; // of which program it is, whatever its version
    char
        head[ZP_LEARNED_HEAD_MOST]; // for the file: the same in words, and the executable's version
};

// False if it cannot be told.
bool zp_program_identify(struct zp_program *program);

#endif
