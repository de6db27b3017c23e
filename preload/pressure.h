// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whether the kernel is short of memory for this process (ZEROPOOL_DECAY_BY=thread).
//
// The kernel could notify through a descriptor that is kept open (PSI triggers, eventfd of version
// 1). But descriptors belong to the program: it may close those that it does not know, and reuse
// their numbers. So the counts are read four times a second.
//
// Locking: none; only the helper calls this.

#ifndef ZP_PRELOAD_PRESSURE_H
#define ZP_PRELOAD_PRESSURE_H

#include <stdbool.h>

// Whether memory has been short since the last call.
bool zp_pressure_has_come(void);

#endif
