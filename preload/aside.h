// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stepping aside for tools that must have malloc to themselves: the sanitizers and valgrind's.
//
// A program built with a sanitizer brings a malloc that watches the heap. With ours before it, the
// address sanitizer refuses to start, the thread sanitizer crashes and the leak sanitizer finds
// nothing. So such a program is started anew, with the same arguments and the same environment but
// for this library's name in LD_PRELOAD. What it starts itself runs without the library too.
//
// That happens while the dynamic linker prepares this library, as some sanitizers look around
// before any constructor has run. Whoever is started anew no longer names the library, so it
// happens once at most. Where it is loaded by other means than LD_PRELOAD the pool stays off
// instead, and all requests that still arrive go to jemalloc.
//
// valgrind's memcheck, helgrind, drd, massif and dhat replace malloc in every library, this one
// included: the pool stays off. The tools that do not (callgrind, cachegrind) see it at work.
//
// Either way one line on stderr says so; none with ZEROPOOL_ENABLE=0, which asks for no pool.

#ifndef ZP_PRELOAD_ASIDE_H
#define ZP_PRELOAD_ASIDE_H

#include <stdbool.h>

// The tool that has malloc to itself in this process, or NULL. Once libc has started.
const char *zp_aside_for(char **environment);

// The one line, if it has not been written before.
void zp_aside_say(const char *tool);

#endif
