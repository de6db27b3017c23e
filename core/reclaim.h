// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reclaim: letting the kernel take the pages of retained buffers when it is short of memory
// (MADV_FREE). A buffer whose pages were taken still reads as zero; it only costs page faults.
//
// Huge pages become reclaimable as soon as they are pooled, at the cost of one page table entry
// each. Small pages cost as much as scrubbing them; they become reclaimable after a second without
// use, at the next call of the program. In a memory group with a limit that is too late: the group
// may be full before, and a sleeping program makes no call. So when what is retained is a large
// part of such a limit (the pool is `tight`), small pages become reclaimable when they are pooled,
// and thread caches, which are never reclaimable, hold little.
//
// Always holds: a slot is TAKEN while the advice is given. Once the kernel has refused the advice
// on fresh memory it is not given again; if it refused it for one slot only (locked memory, a
// special mapping), that slot stays as it is.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_CORE_RECLAIM_H
#define ZP_CORE_RECLAIM_H

#include "os.h"
#include "slot.h"

// `unmarked`: the pool is tight if more than so many bytes are retained; SIZE_MAX: never.
void zp_reclaim_init(bool enabled, size_t unmarked);
void zp_reclaim_set_unmarked(size_t unmarked);

// Whether the advice is given.
bool zp_reclaim_is_on(void);

bool zp_reclaim_is_tight(void);

// Bytes that a thread's cache may hold while the pool is tight.
size_t zp_reclaim_cache_share(void);

// Bytes that may be retained without being reclaimable while the pool is tight: in the scrub queue.
size_t zp_reclaim_unmarked(void);

// Makes the part of a TAKEN slot reclaimable that is to be so at once, before the slot is pooled.
void zp_reclaim_enter(struct zp_slot *slot);

// Makes all of a TAKEN slot reclaimable, however long that takes: where nobody waits for it.
void zp_reclaim_whole(struct zp_slot *slot);

// Makes slots reclaimable that have been in a shard for `idle` milliseconds, as many as fit in the
// time. True if there may be more.
bool zp_reclaim_idle(unsigned home, uint32_t idle, const struct zp_os_span *span);

#endif
