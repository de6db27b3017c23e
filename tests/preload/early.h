// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the library of early.c got before the program or ours had started.

#ifndef ZP_TESTS_EARLY_H
#define ZP_TESTS_EARLY_H

__attribute__((visibility("default"))) extern void *early_kept, *early_from_thread;

#endif
