// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fork handlers: ours run after all others before a fork, and before all others after it.
//
// Handlers of other libraries lock, allocate, map memory, start and join threads. Our locks must
// not be held meanwhile, as libc does not hold those of its malloc; and in the child nothing may be
// mapped where the pool has a hole. libc runs handlers in the reverse order of their registration
// before a fork and in that order after it. So ours must be registered first: every registration
// calls __register_atfork, which this library interposes, and the first call of it registers ours.
// The library's constructor, the start of the pool and the start of jemalloc register them too.
//
// Before a fork, in this order, which is the order in which other code takes these locks:
//   1. All signals are blocked until our handlers are done, because a signal handler may fork.
//   2. libc's lock of its list of streams. fork takes it after our handlers, and a thread that
//      holds it may allocate (fflush of a memory stream).
//   3. The lock of the start (start.h).
//   4. This thread's buffers are flushed and the helper is paused, which may still allocate.
//   5. jemalloc's own handler, which is stored here instead of being registered.
//   6. The pool's locks: jemalloc asks the pool to give back memory while it holds its own locks.
//
// Fork in a signal handler: as in libc, none of these locks is taken while the process has one
// thread, so the interrupted code cannot hold one of them. If the only other thread is or was the
// helper, fork itself blocks signals. If the handler interrupted the pool, the fork does not touch
// the pool (core/fork.h). In a process with more threads, a fork that interrupts malloc can hang,
// as it does in libc.

#ifndef ZP_PRELOAD_ATFORK_H
#define ZP_PRELOAD_ATFORK_H

// Registers our handlers if they are not registered yet.
void zp_atfork_watch(void);

#endif
