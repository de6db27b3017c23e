// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libc's own symbols of malloc's family, and of the calls that are watched, made to lead to this
// library.
//
// A library opened with RTLD_DEEPBIND looks for symbols in itself and what it was linked with
// first, and so finds malloc and free in libc, while the program around it finds them here. So the
// entries of these names in libc's table of dynamic symbols, in this process's memory, are given
// the addresses of the functions here: whatever ends its search at libc then finds them, and all
// other symbols stay what they are.
//
// Locking: once per process, others wait. Fork: the child inherits the change.

#ifndef ZP_PRELOAD_REDIRECT_H
#define ZP_PRELOAD_REDIRECT_H

#include <stdbool.h>

// Whether there is one allocator now, whoever looks for it. False where libc is not what it is
// expected to be, or the kernel keeps that memory read-only. Where the program's malloc is not this
// library's, as under valgrind, libc is left alone, and the answer is yes.
bool zp_redirect_libc(void);

#endif
