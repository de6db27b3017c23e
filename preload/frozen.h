// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What does not change any more once the pool has started: options, tables, functions to call. It
// lies on pages of its own (frozen.ld gathers what is declared ZP_FROZEN) and is made read-only, so
// that no overrun of the program's changes what the allocator does.
//
// Fork: the child inherits the protection.

#ifndef ZP_PRELOAD_FROZEN_H
#define ZP_PRELOAD_FROZEN_H

// Called once; where the kernel refuses, all stays as it is.
void zp_freeze(void);

#endif
