// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Background: what the helper does, in the order of urgency. It prewarms buffers (prewarm.h),
// scrubs freed ones (scrub_queue.h), gives idle memory back (decay.h), and publishes reports.
//
// Locking: only the helper calls these, except for zp_background_due. Fork: the helper is between
// two parts.

#ifndef ZP_CORE_BACKGROUND_H
#define ZP_CORE_BACKGROUND_H

#include "base.h"

// What the layers above have the helper do: milliseconds until there is something, for any thread,
// and doing it, holding nothing of the pool. NULL: nothing.
struct zp_background_report {
    uint32_t (*due)(void);
    void (*make)(void);
};

// Called once.
void zp_background_init(struct zp_background_report report);

// Whether the helper has to be there all the time, for reports.
bool zp_background_reports(void);

// Milliseconds until there is something to do, ZP_NEVER if there is nothing. For any thread.
uint32_t zp_background_due(void);

// Does a part of it: some ten microseconds, at most a millisecond.
void zp_background_part(void);

// Done after each part, holding nothing of the pool: a fork does not wait for it.
void zp_background_aside(void);

#endif
