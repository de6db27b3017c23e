// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The library's own calls that drop pages of buffers, visible to hooks of other libraries
// (decision 31).
//
// Network libraries keep pages of buffers registered with a device, and have to drop the
// registration when the pages go. Open MPI, UCX and libfabric write a jump over the first bytes of
// libc's functions; others interpose them, before this library or behind it. So pages of buffers
// are dropped, moved, replaced and unmapped by calling libc's mmap, munmap, madvise and mremap by
// name. Memory that no other library can have registered, such as slot records, and advice that
// drops no pages are handled by system calls.
//
// Always holds: a hook may call malloc and free for small blocks. It is called under no lock that
// these take, and a fork drops no pages while it holds such locks. marks.c, which interposes these
// names, tells the library's own calls from the program's. Hooks also see jemalloc's calls that
// drop pages. jemalloc makes some of them inside malloc, so there a hook must not allocate, as with
// jemalloc itself.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_PRELOAD_HOOKS_H
#define ZP_PRELOAD_HOOKS_H

#include "core/base.h"

// The address that is passed while this thread is in such a call of the library's own; else NULL.
extern ZP_TLS const void *zp_hooks_own;

// For jemalloc. System calls until set_hooks has run, as other libraries may not be called earlier.
int zp_hooks_munmap(void *address, size_t length);
int zp_hooks_madvise(void *address, size_t length, int advice);

#endif
