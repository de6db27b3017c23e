// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Variables that do not change once the pool has started: options, tables, function pointers. Those
// declared ZP_FROZEN lie on pages of their own (frozen.ld), which are made read-only, so that no
// overrun of the program can change them.
//
// Fork: the child inherits the protection.

#ifndef ZP_PRELOAD_FROZEN_H
#define ZP_PRELOAD_FROZEN_H

// Called once. If the kernel refuses, the variables stay writable.
void zp_freeze(void);

#endif
