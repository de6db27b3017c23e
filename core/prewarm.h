// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prewarming: buffers that the helper makes ready before the program asks for them: with memory,
// all of it touched, and pooled.
//
// Always holds: a buffer under way is PENDING, the helper's, and charged to the budget. Where the
// budget or the memory ends, so does prewarming; and what a program that came too early had to
// fetch itself is not made ready as well.
//
// Locking: the helper's alone, but for the question whether anything is left to do, and for the
// counts, which anybody takes down.
// Fork: what is under way is left out of the child, which does not go on with it.

#ifndef ZP_CORE_PREWARM_H
#define ZP_CORE_PREWARM_H

#include "thread_cache.h"

enum { ZP_PREWARM_MOST = 32 };

struct zp_prewarm {
    size_t size; // bytes
    uint32_t count;
};

// `list` ends with a count of 0, or after ZP_PREWARM_MOST. Called once, before the helper starts.
void zp_prewarm_init(const struct zp_prewarm *list);

// Whether anything is left to do; and milliseconds until it is time to, or ZP_NEVER. It
// begins a tenth of a second after the start, so that the short-lived children of a program, which
// inherit the option, do nothing.
bool zp_prewarm_pending(void);
uint32_t zp_prewarm_due(void);

// The program had to fetch memory for a buffer of this class: there is one less to make ready.
void zp_prewarm_forgo(unsigned size_class);

// Does a part of it. The caller is inside the helper's own thread cache.
void zp_prewarm_part(struct zp_thread_cache *cache);

// Calls `visit` for the buffer under way, if there is one. The helper is between two parts.
void zp_prewarm_visit(void (*visit)(struct zp_slot *slot));

// Fork: there is nothing left to do in the child.
void zp_prewarm_reset(void);

#endif
