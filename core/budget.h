// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The budget: how many bytes the pool may retain, thread caches included.
//
// Always holds: what is charged never exceeds the limit, unless the limit is lowered. Bytes are
// charged before they are retained; a buffer whose charge is refused is given back.
//
// One sum that all threads change would make each of them wait for all others: with 128 CPUs a
// hundred times as long as the rest of a get and a put takes (docs/scale.md). So what a thread
// releases stays set aside for what it charges next: up to a 1024th of the limit, in a place that
// at most a few threads share. What is set aside counts in the sum, and is fetched back before a
// charge is refused. A limit below 1 GiB has nothing set aside.
//
// Locking: none; atomic counters, touched on the slow paths only. Fork: the child counts what it
// keeps.

#ifndef ZP_CORE_BUDGET_H
#define ZP_CORE_BUDGET_H

#include "base.h"

// Where this thread sets bytes aside; NULL before it first does.
struct zp_budget_place;
extern ZP_TLS struct zp_budget_place *zp_budget_place;

void zp_budget_init(size_t limit);
size_t zp_budget_limit(void);

// Changes the limit. The caller gives back what is retained above it.
void zp_budget_set_limit(size_t limit);
bool zp_budget_exceeded(void);

// Counts `bytes` as retained; false, and nothing counted, if that would exceed the limit.
bool zp_budget_charge(size_t bytes);
void zp_budget_release(size_t bytes);

// Tails of buffers that are not pooled (slot.h) are charged like what is retained, and counted
// separately. A tail ends when its bytes become the owner's or go back to the kernel; it is
// converted when its buffer is pooled: all bytes of that are then charged as retained. The last
// undoes that: so many bytes of a pooled buffer are charged as a tail from now on.
bool zp_budget_charge_tail(size_t bytes);
void zp_budget_end_tail(size_t bytes);
void zp_budget_convert_tail(size_t bytes);
void zp_budget_leave_tail(size_t bytes);
size_t zp_budget_tails(void);

// In the child of a fork: so many bytes are retained, and so many are tails; the peak starts from
// there.
void zp_budget_restart(size_t retained, size_t tails);

// Bytes charged now. The second counts what is set aside, too: up to an eighth of the limit more,
// and cheap. The third is the most that the second ever was.
size_t zp_budget_used(void);
size_t zp_budget_taken(void);
size_t zp_budget_peak(void);

#endif
