// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With ZEROPOOL_CHECK=full: explains faults in the arena. A handler of SIGSEGV writes which buffer
// the access missed, by how much, and where it was freed. Then it removes itself and lets the fault
// happen again, so that the program ends with the same signal and core file as without it.
//
// A program that handles SIGSEGV itself keeps its own handler.

#ifndef ZP_PRELOAD_TRAP_H
#define ZP_PRELOAD_TRAP_H

// Called once, after the pool has started.
void zp_trap_set(void);

#endif
