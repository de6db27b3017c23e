// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The end of a program that has corrupted its heap: one exact line, where it is, where the buffer
// was last freed, SIGABRT.
//
//   zeropool: fatal: double free (pointer 0x7f2a40000000)
//   zeropool: at:
//   zeropool:   #0 0x7f2b1c0a1b2c free+0x3c (/usr/lib/libzeropool_preload.so+0x1b2c)
//   ...
//   zeropool: freed at:
//   zeropool:   #0 ...
//
// Always holds: the line is written first, before anything that could fail. Finding the stacks in a
// broken program may crash or hang: then the program ends there, also with SIGABRT. Under a filter
// of system calls (zp_os_restrict) they are not looked for.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_CORE_FATAL_H
#define ZP_CORE_FATAL_H

#include "stack.h"

// `freed` may be NULL: no buffer was ever freed there.

// "zeropool: fatal: <operation><fault> (pointer 0x...)"
_Noreturn ZP_COLD void zp_fatal_pointer(const char *operation, const char *fault,
                                        const void *pointer, const struct zp_stack *freed);

// "zeropool: fatal: write after free at offset <n> of a buffer of <n> bytes: <bytes> (pointer
// 0x..)" with up to 8 bytes from `found` on, which is the first that is not zero.
_Noreturn ZP_COLD void zp_fatal_write(const char *buffer, size_t size, const char *found,
                                      const struct zp_stack *freed);

// Writes such a report without ending the program: `line` as it is so far, the pointer, the
// stacks.
ZP_COLD void zp_fatal_report(struct zp_line *line, const void *pointer,
                             const struct zp_stack *freed);

#endif
