// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What fork does to the pool.
//
// Before a fork all locks are taken in the order of their ranks, so that both sides find the lists
// whole. After it:
//   - a buffer that was live or in another thread's cache is shared page by page with the other
//   side.
//     Its epoch is now an old one: when freed, in the parent or the child, it is dropped instead of
//     scrubbed, because writing zeros would copy every page.
//   - pooled buffers hold nothing but zeros, so they are marked MADV_WIPEONFORK before: the kernel
//     copies nothing of them, fork costs the same however much is pooled, and the child finds them
//     empty. The mark is taken off when a buffer is next used. Where the kernel refuses the mark,
//     the old epoch sees to it that the pages are dropped before use.
//   - the caches of threads that do not exist in the child are given up: the slot records tell
//   which
//     slots those are.
//
// The three functions are for pthread_atfork.

#ifndef ZP_CORE_FORK_H
#define ZP_CORE_FORK_H

void zp_fork_prepare(void);
void zp_fork_parent(void);
void zp_fork_child(void);

#endif
