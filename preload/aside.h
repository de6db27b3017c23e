// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Turning the library off for tools that replace malloc themselves: sanitizers and valgrind's.
//
// A program built with a sanitizer has a malloc that checks the heap. With this library's malloc in
// front of it, the address sanitizer refuses to start, the thread sanitizer crashes and the leak
// sanitizer finds nothing. So such a program is restarted with the same arguments, and with this
// library removed from LD_PRELOAD. Programs that it starts run without the library too.
//
// The restart happens while the dynamic linker relocates this library, because some sanitizers
// check the process before any constructor has run. The restarted program no longer names the
// library, so there is one restart at most. Where the library was loaded by other means than
// LD_PRELOAD, the pool stays off instead, and requests that still arrive go to jemalloc.
//
// valgrind's memcheck, helgrind, drd, massif and dhat replace malloc in every library, this one
// included: the pool stays off. Under tools that do not (callgrind, cachegrind) it works as usual.
//
// Both cases are reported in one line on stderr, except with ZEROPOOL_ENABLE=0.

#ifndef ZP_PRELOAD_ASIDE_H
#define ZP_PRELOAD_ASIDE_H

#include <stdbool.h>

// The tool that replaces malloc in this process, or NULL. Callable once libc has started.
const char *zp_aside_for(char **environment);

// Writes that line, once per process.
void zp_aside_say(const char *tool);

#endif
