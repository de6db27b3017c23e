// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads of the library's own: the helper and the team.
//
// Such a thread is detached, named "zeropool", blocks all signals, and has a small stack and the
// default priority. A program with much thread-local memory may need the usual stack: then it gets
// that.
//
// Locking: none. Fork: the child has none of them.

#ifndef ZP_CORE_SPAWN_H
#define ZP_CORE_SPAWN_H

#include "base.h"

// Starts a thread. False if that fails, or if the process may only make the calls that
// any malloc makes. Keeps errno. Called without locks, outside of the own thread cache: to start a
// thread takes memory.
bool zp_spawn(void (*run)(void));

// Whether this process has ever had one: libc then treats it as multi-threaded.
bool zp_spawn_has_run(void);

// In the child of a fork.
void zp_spawn_reset(void);

#endif
