// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What fork does to the pool.
//
// Before a fork all locks are taken in the order of their ranks, so that both sides find the lists
// whole. After it:
//   - A buffer that was live or in another thread's cache is shared page by page with the other
//     side. Its epoch is now an old one: when freed, in the parent or the child, it is dropped
//     instead of scrubbed, because writing zeros would copy every page.
//   - Retained buffers are left out of the child (MADV_DONTFORK), neighbours in one call, where
//     they hold enough pages to be worth two calls. The parent takes the mark off again; the child
//     reserves the addresses anew.
//   - What is not worth that stays pooled on both sides. A buffer without pages shares nothing; any
//     other has an old epoch, so its pages are dropped before it is used.
//   - The helper is between two parts of its work, holding nothing; the child has none until there
//     is work.
//   - The caches of threads that do not exist in the child are given up: the slot records tell
//     which slots those are.
// The work is proportional to what is retained. Only the child of a process with threads reads all
// records, and nowhere is a record written that does not change.
//
// A fork in a signal handler may have interrupted this thread in the middle of the pool: in its own
// cache, or at a lock. Then nothing is locked, flushed or left out. Only the epoch moves on, and
// everything retained stays so on both sides with pages that count as shared. The child may return
// from its handler and go on. In a process with more threads, what those were changing is then torn
// in the child, which may hang or crash if it uses the pool.
//
// The functions are called in this order by the thread that forks, with all signals blocked; other
// libraries' fork handlers do not run in between (preload/atfork.h). Allocates nothing.
//
// Locking: zp_fork_begin takes ZP_RANK_HELPER, zp_fork_prepare the others: whoever has locks that
// are held while the pool is called takes them between the two.

#ifndef ZP_CORE_FORK_H
#define ZP_CORE_FORK_H

#include <stdbool.h>

// Whether this thread was interrupted in the middle of the pool. Asked first of all.
bool zp_fork_is_inside(void);

// Makes this thread's own buffers pooled ones, and pauses the helper; only if that takes no time
// where this thread was `interrupted` in the middle of the pool or of malloc, and may hold what the
// helper waits for.
void zp_fork_begin(bool interrupted);
void zp_fork_prepare(void);
void zp_fork_parent(void);
void zp_fork_child(void);

#endif
