// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Marks a symbol as visible to the program; all others are hidden. These are malloc's family,
// glibc's other names for it, C++'s operators (operators.h), calls that change mappings (marks.h)
// or fill buffers (reads.c), dlopen (deepbind.c), fork (atfork.c), and zeropool.h. Those whose name
// begins with zeropool_ have a version (exports.map).

#ifndef ZP_PRELOAD_EXPORT_H
#define ZP_PRELOAD_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
