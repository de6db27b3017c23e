// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The library's own calls on pages of buffers, made so that hooks of others hear them.
//
// Network libraries keep the pages of buffers registered with a device, and forget them when they
// hear that the pages go: Open MPI and UCX write a jump over the first bytes of libc's functions,
// libfabric too, others interpose them, before this library or behind it. So pages of buffers are
// dropped, moved, replaced and unmapped by calls of libc's mmap, munmap, madvise and mremap by
// name. What nobody else can have registered, such as slot records, and advice that drops nothing
// stay system calls.
//
// Always holds: a hook may call malloc and free for small blocks. It is called under no lock that
// these take: a fork drops no pages while it holds them. marks.c, which stands in the way of
// these names, does not take the library's own calls for the program's. Of jemalloc's calls the
// hooks hear where pages go; jemalloc makes some of those inside malloc, so there a hook must not
// allocate, as under jemalloc itself.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_PRELOAD_HOOKS_H
#define ZP_PRELOAD_HOOKS_H

#include "core/base.h"

// The address that this thread calls one of them for, while the call is the library's.
extern ZP_TLS const void *zp_hooks_own;

// For jemalloc: heard once other libraries may be called.
int zp_hooks_munmap(void *address, size_t length);
int zp_hooks_madvise(void *address, size_t length, int advice);

#endif
