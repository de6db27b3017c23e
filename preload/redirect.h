// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Redirects libc's symbols of malloc's family, and of the calls that are watched, to this library
// (decision 27).
//
// A library opened with RTLD_DEEPBIND is bound to symbols of its own and of the libraries it is
// linked with first. So it would use malloc and free of libc, while the rest of the program uses
// those of this library. So the entries of these names in libc's table of dynamic symbols, in this
// process's memory, get the addresses of this library's functions. A search that ends at libc finds
// those; all other symbols are unchanged.
//
// Locking: once per process, others wait. Fork: the child inherits the change.

#ifndef ZP_PRELOAD_REDIRECT_H
#define ZP_PRELOAD_REDIRECT_H

#include <stdbool.h>

// Redirects at the first call. True if every search now finds the same allocator. False where
// libc's tables are not as expected, or the kernel keeps that memory read-only. Where the program's
// malloc is not this library's, as under valgrind, nothing is changed and the result is true.
bool zp_redirect_libc(void);

#endif
