// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Background: what the helper does, in the order of urgency. It makes buffers ready ahead of the
// program (prewarm.h), makes freed ones zero (scrub_queue.h), and gives idle memory back (decay.h).
//
// Locking: the helper's alone, but for zp_background_due. Fork: the helper is between two parts.

#ifndef ZP_CORE_BACKGROUND_H
#define ZP_CORE_BACKGROUND_H

#include "base.h"

// Milliseconds until there is something to do, ZP_NEVER if there is nothing. For any thread.
uint32_t zp_background_due(void);

// Does a part of it: some ten microseconds, a millisecond at most.
void zp_background_part(void);

// What is done after each part holding nothing of the pool's: a fork does not wait for it.
void zp_background_aside(void);

#endif
