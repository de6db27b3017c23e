// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What fork does to the pool.
//
// Before a fork all locks are taken in the order of their ranks, so that both sides find the lists
// consistent. After it:
//   - A buffer that was live or in another thread's cache shares its pages with the other side. Its
//     epoch is now an old one: when freed, in the parent or the child, it is dropped instead of
//     scrubbed, because writing zeros would copy every page.
//   - Retained buffers are excluded from the child (MADV_DONTFORK), neighbours in one call, if they
//     have enough pages to be worth two calls. The parent undoes that afterwards; in the child the
//     addresses are holes, which it reserves again.
//   - Other retained buffers stay pooled on both sides. One without pages shares nothing; any other
//     has an old epoch, so its pages are dropped before it is used.
//   - The helper is between two parts of its work, holding nothing; the child has no helper until
//     there is work.
//   - The child gives up the caches of threads that it does not have, and finds their slots by
//     their records.
// The cost is proportional to what is retained. Only the child of a process with threads reads all
// records, and only records that change are written (each would be copied).
//
// A fork in a signal handler may have interrupted this thread inside the pool: in its own cache, or
// at a lock. Then nothing is locked, flushed or excluded. Only the epoch changes, and everything
// retained stays so on both sides, with pages that count as shared. The child may return from its
// handler and go on. In a process with more threads, what those were changing may be inconsistent
// in the child, which may then hang or crash if it uses the pool.
//
// The thread that forks calls the functions in this order, with all signals blocked; fork handlers
// of other libraries do not run in between (preload/atfork.h). Allocates nothing.
//
// Locking: zp_fork_begin takes ZP_RANK_HELPER, zp_fork_prepare all others: locks that are held
// while the pool is called (jemalloc's) are taken between the two.

#ifndef ZP_CORE_FORK_H
#define ZP_CORE_FORK_H

#include <stdbool.h>

// Whether this thread was interrupted inside the pool. Asked first of all.
bool zp_fork_is_inside(void);

// Flushes this thread's cache and pauses the helper. If this thread was `interrupted` inside the
// pool or malloc, it may hold what the helper waits for, and only tries to pause it for a moment.
void zp_fork_begin(bool interrupted);
void zp_fork_prepare(void);
void zp_fork_parent(void);
void zp_fork_child(void);

#endif
