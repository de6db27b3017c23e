// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The C++ runtime of the process: libstdc++, libc++, or one that is linked into a program or a
// library.
//
// Where there is no memory, operator new calls the new-handler that the program has set, and
// throws. Both belong to the runtime, so the runtime's own operator is called then: it calls malloc
// once more, then the handler, and throws. This library is not linked with a runtime, and most
// programs have none.
//
// Locking: none; looking symbols up takes locks of the dynamic linker. Fork: nothing to do.

#ifndef ZP_PRELOAD_RUNTIME_H
#define ZP_PRELOAD_RUNTIME_H

// The operator of that mangled name in the runtime that is used by the file of `caller`, a return
// address. NULL if there is none. The runtime stays loaded, so the result may be kept.
void *zp_runtime_operator(const char *name, const void *caller);

#endif
