// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scrubbing together: a large freed buffer is made zero in parts, by the thread that frees it and
// by members of the team.
//
// Only with ZEROPOOL_READ=parallel, which stands for agreeing to threads. The thread that frees is
// inside its own thread cache, where no thread may be started: members are called up before, and
// those that are there then take parts. If none is, the thread does all parts.
//
// Locking: none; see team.h. Fork: see team.h. The slot is TAKEN: a child gives it up.

#ifndef ZP_CORE_SCRUB_TEAM_H
#define ZP_CORE_SCRUB_TEAM_H

#include "scrub.h"
#include "slot.h"

// So many CPUs may be used; up to 1: nothing is shared. Called once.
void zp_scrub_team_init(unsigned cpus);

// Has members there, if it is worth it for a buffer that is about to be freed. Called outside of
// the own thread cache.
void zp_scrub_team_call_up(const struct zp_slot *slot);

// Whether a buffer of which all seems to be in memory is to be scrubbed in parts.
bool zp_scrub_team_is_for(const struct zp_slot *slot);

// Makes a slot zero by calls of `clean` for its parts: 0, or a negative errno of one of them. The
// time in the result is what passed.
int zp_scrub_team_clean(const struct zp_slot *slot,
                        int (*clean)(const struct zp_slot *slot, size_t at, size_t bytes,
                                     struct zp_scrub_result *result),
                        struct zp_scrub_result *result);

#endif
