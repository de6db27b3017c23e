// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What fork does to the pool.
//
// Before a fork all locks are taken in the order of their ranks, so that both sides find the lists
// whole. After it:
//   - A buffer that was live or in another thread's cache is shared page by page with the other
//   side.
//     Its epoch is now an old one: when freed, in the parent or the child, it is dropped instead of
//     scrubbed, because writing zeros would copy every page.
//   - The helper is between two parts of its work, holding nothing; the child has none until there
//     is work.
//   - Pooled buffers, and those that wait to be scrubbed, are left out of the child
//   (MADV_DONTFORK), neighbours in one call, so that fork
//     costs the same however much is pooled and nothing of it is shared. The parent takes the mark
//     off again; the child reserves the addresses anew and starts with an empty pool. Where the
//     kernel refuses the mark, the old epoch sees to it that the pages are dropped before use.
//   - The caches of threads that do not exist in the child are given up: the slot records tell
//   which
//     slots those are.
//
// The three functions are for pthread_atfork. Between the first and one of the others, fork
// handlers of other libraries may allocate and free in this thread (lock.h); the shards then serve
// nothing.

#ifndef ZP_CORE_FORK_H
#define ZP_CORE_FORK_H

void zp_fork_prepare(void);
void zp_fork_parent(void);
void zp_fork_child(void);

#endif
