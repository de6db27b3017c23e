// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The timeline: live, pooled and resident memory over time, for the profile.
//
// Points are added by slow paths of the program's own calls, so a time without large requests has
// none. There is room for ZP_TIMELINE_MOST. When that is used up, of every two neighbours the one
// with more live memory stays, and points are added half as often: a peak is never lost.
//
// Locking: one thread adds at a time, others do not wait for it (a flag that is only tried). Read
// at the end. Fork: the child begins again.

#ifndef ZP_CORE_TIMELINE_H
#define ZP_CORE_TIMELINE_H

#include "base.h"

enum {
    ZP_TIMELINE_MOST = 1024,
    ZP_TIMELINE_FIRST_MS = 4, // milliseconds between points at first
};

struct zp_point {
    uint32_t ms;                     // since the first
    uint64_t live, pooled, resident; // bytes; resident is the whole process, 0 if not known
};

// The calling thread is to add a point now, and must. Asked often: a load and a comparison.
bool zp_timeline_is_due(void);
void zp_timeline_add(struct zp_point point);

// All of them, oldest first; returns how many.
unsigned zp_timeline_points(struct zp_point points[ZP_TIMELINE_MOST]);

void zp_timeline_reset(void);

#endif
