// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stacks that go through the trampolines of CPython's perf support (3.12 and newer, with
// PYTHONPERFSUPPORT=1): one for each Python function, by which that has an address of its own, and
// a name in /tmp/perf-PID.map.
//
// They are made while the program runs, and come without the tables that unwinding needs, so
// libunwind ends there. But it is known how they end, and so where their caller is.
//
// Locking: libunwind's. Fork: nothing to do.

#ifndef ZP_PRELOAD_TRAMPOLINE_H
#define ZP_PRELOAD_TRAMPOLINE_H

#include <stdbool.h>

// Looks up what is needed of libunwind.
void zp_trampoline_init(void *libunwind);

// Whether one is in a stack, which libunwind may then have cut off.
bool zp_trampoline_is_in(void *const *frames, unsigned count);

// The stack of the caller, step by step, which takes longer. Returns how many frames there are.
unsigned zp_trampoline_walk(void **frames, unsigned most);

#endif
