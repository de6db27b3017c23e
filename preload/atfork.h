// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fork handlers: ours run after all others before a fork, and before all others after it.
//
// Handlers of other libraries lock, allocate, map memory, start and join threads. Our locks must
// not be held meanwhile, as those of libc's own malloc are not; and in the child nothing may be
// mapped where the pool has a hole. libc runs handlers in the reverse order of their registration
// before a fork and in that order after it. So ours have to be the first that anybody registers:
// every registration leads to __register_atfork, which this library puts itself before, and the
// first call of it registers ours. The library's constructor, its start and jemalloc's do so too.
//
// Before a fork, in this order, which is the order in which other code takes these locks:
//   - all signals are blocked until our part is over: a handler may fork;
//   - libc's lock of its list of streams, which fork takes after our handlers, and which a thread
//     may hold that allocates (fflush of a memory stream);
//   - the lock of the start (start.h);
//   - this thread's buffers are flushed and the helper is paused, which may still allocate;
//   - jemalloc's own handler, which is kept here rather than registered;
//   - the pool's locks: jemalloc asks the pool to give back memory while it holds locks of its own.
//
// Fork in a signal handler: as in libc, none of these locks is taken while the process has one
// thread, so none can be held by what the handler interrupted; if the only other one is or was the
// helper, fork itself blocks signals. Where it interrupted the pool the
// fork leaves that as it is (core/fork.h). In a process with more threads, a fork that interrupts
// malloc can hang, as it does in libc.

#ifndef ZP_PRELOAD_ATFORK_H
#define ZP_PRELOAD_ATFORK_H

// Registers our handlers, unless that is done.
void zp_atfork_watch(void);

#endif
