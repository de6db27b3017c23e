// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reclaim: telling the kernel that it may take the pages of what is retained (MADV_FREE). Nothing
// is lost by it but the time to fetch new ones.
//
// What lies in huge pages is marked the moment it is pooled, which costs one entry of a page table
// each. Small pages cost as much as scrubbing them; they wait until they have been idle for a
// second, and for the next call of the program. In a memory group with a limit that is too late:
// the group may be full before, and a program that sleeps makes no call. So where what is retained
// is a large part of such a limit (the pool is `tight`), small pages are marked when they enter,
// and thread caches, which mark nothing, hold little.
//
// Always holds: only who has taken a slot out marks it. Once the kernel has refused the advice on
// fresh memory it is not given again; where it refused it for one slot alone (locked memory, a
// special mapping), that slot goes without.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_CORE_RECLAIM_H
#define ZP_CORE_RECLAIM_H

#include "os.h"
#include "slot.h"

// `unmarked`: more is retained than so many bytes, and the pool is tight; SIZE_MAX: never.
void zp_reclaim_init(bool enabled, size_t unmarked);
void zp_reclaim_set_unmarked(size_t unmarked);

// Whether the advice is given at all.
bool zp_reclaim_is_on(void);

bool zp_reclaim_is_tight(void);

// Bytes that a thread's cache may hold while the pool is tight.
size_t zp_reclaim_cache_share(void);

// Bytes that may be retained as they are while the pool is tight: by the scrub queue.
size_t zp_reclaim_unmarked(void);

// Marks a TAKEN slot that is about to be pooled, as far as that is to be done at once.
void zp_reclaim_enter(struct zp_slot *slot);

// Marks slots that have been in a shard for `idle` milliseconds, all of them if there is time. True
// if there may be more.
bool zp_reclaim_idle(unsigned home, uint32_t idle, const struct zp_os_span *span);

#endif
