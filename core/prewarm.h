// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prewarming: the helper prepares buffers before the program requests them: it commits them,
// touches all their pages and pools them.
//
// What is expected of a program, rather than ordered by its user, expires: if the program has made
// no large request when the time of decay is over, all of it goes back.
//
// Always holds: a buffer under way is PENDING, the helper's, and charged to the budget. Prewarming
// ends when the budget or the memory does. A buffer that the program had to fetch by itself
// meanwhile is not prepared as well.
//
// Locking: only the helper works here; any thread may ask whether anything is left to do, and count
// down.
// Fork: the buffer under way is excluded from the child, which does not prewarm.

#ifndef ZP_CORE_PREWARM_H
#define ZP_CORE_PREWARM_H

#include "thread_cache.h"

enum { ZP_PREWARM_MOST = 4096 };

struct zp_prewarm {
    size_t size; // bytes
    uint32_t count;
};

struct zp_prewarm_config {
    const struct zp_prewarm *list; // in the order in which they are prepared; copied
    unsigned count;                // entries, up to ZP_PREWARM_MOST
    bool expires;
};

// Called once, before the helper starts.
void zp_prewarm_init(const struct zp_prewarm_config *config);

// It starts so many milliseconds after the program, so that short-lived children of a program,
// which inherit the option, do nothing.
enum { ZP_PREWARM_DELAY_MS = 100 };

// Whether buffers are left to prepare; and milliseconds until there is something to do, or
// ZP_NEVER.
bool zp_prewarm_pending(void);
uint32_t zp_prewarm_due(void);

// The program had to fetch memory for a buffer of this class: there is one less to prepare.
void zp_prewarm_forgo(unsigned size_class);

// Does a part of it. The caller is inside the helper's own thread cache.
void zp_prewarm_part(struct zp_thread_cache *cache);

// For a program that asks for it: prepares up to `count` buffers of `size` bytes, and returns how
// many there are. Any thread may call it, inside its own cache.
size_t zp_prewarm_now(struct zp_thread_cache *cache, size_t size, size_t count);

// Calls `visit` for the buffer under way, if there is one. The helper is between two parts.
void zp_prewarm_visit(void (*visit)(struct zp_slot *slot));

// Fork: there is nothing left to do in the child.
void zp_prewarm_reset(void);

#endif
