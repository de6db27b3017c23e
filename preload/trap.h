// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With ZEROPOOL_CHECK=full: what a fault in the arena means. A handler of SIGSEGV writes which
// buffer was missed, by how much, and where it was freed, and lets the fault happen again without a
// handler, so that the program ends and leaves its core file as it would have.
//
// A program that handles SIGSEGV itself keeps its own handler.

#ifndef ZP_PRELOAD_TRAP_H
#define ZP_PRELOAD_TRAP_H

// Called once, after the pool has started.
void zp_trap_set(void);

#endif
