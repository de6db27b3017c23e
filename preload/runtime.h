// SPDX-License-Identifier: MIT OR Apache-2.0
//
// C++'s own runtime in the process: libstdc++, libc++, or one that a program or a library has
// inside.
//
// Where no memory is to be had, operator new calls the handler that the program has set and throws.
// Both are the runtime's, so its own operator is called then: it asks malloc once more, calls the
// handler and throws. The library is not linked with any runtime, and most programs have none.
//
// Locking: none; looking takes locks of the dynamic linker. Fork: nothing to do.

#ifndef ZP_PRELOAD_RUNTIME_H
#define ZP_PRELOAD_RUNTIME_H

// The operator of that (mangled) name of the runtime that the file uses which `caller`, a return
// address, lies in. NULL: there is none. That runtime stays loaded, so the answer may be kept.
void *zp_runtime_operator(const char *name, const void *caller);

#endif
