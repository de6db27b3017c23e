// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Call stacks by libunwind (decision 22). It is loaded when the program starts if every free is to
// record its stack, or else when a corrupted heap is about to end the program.
//
// It is not linked: the shared library also exports the unwinder of C++ exceptions, and programs
// would get that one instead of their compiler's; the static one cannot be part of a shared
// library. And loading it takes 0.2 ms, which every process would pay. Where it is not installed a
// report has no stacks, and says so.
//
// Recording costs 110 ns for a stack that libunwind has seen before (Zen 4). The first time it also
// takes a lock of the dynamic linker and makes system calls (rt_sigprocmask, mincore). So it is an
// option.
//
// Locking: libunwind's own. Fork: nothing to do.

#ifndef ZP_PRELOAD_UNWIND_H
#define ZP_PRELOAD_UNWIND_H

#include <stdbool.h>

// Sets core's unwinder. `record`: every free records its stack; `soon`: stacks will be needed while
// the program runs. Called by a constructor, because loading libunwind allocates.
void zp_unwind_init(bool record, bool soon);

#endif
