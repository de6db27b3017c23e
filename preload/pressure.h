// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whether the kernel is short of memory for this process (ZEROPOOL_DECAY_BY=thread).
//
// The kernel would tell it by itself, through a descriptor that is kept open (PSI triggers, eventfd
// of version 1). But descriptors are the program's: it closes those that it does not know, and uses
// their numbers. So the counts are read, four times a second.
//
// Locking: none; the helper's alone.

#ifndef ZP_PRELOAD_PRESSURE_H
#define ZP_PRELOAD_PRESSURE_H

#include <stdbool.h>

// Whether it has been since this was last asked.
bool zp_pressure_has_come(void);

#endif
