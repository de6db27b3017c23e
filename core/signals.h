// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Blocks signals around code that a handler must not interrupt: a handler may fork, allocate, or
// jump out of what it interrupted.
//
// By system call, because libc's function does not block the signals that libc uses itself. Keeps
// errno.

#ifndef ZP_CORE_SIGNALS_H
#define ZP_CORE_SIGNALS_H

#include "base.h"
#include "syscall.h"

#include <errno.h>
#include <signal.h>

// The kernel's format: a bit for each of 64 signals.
typedef uint64_t zp_signals;

// Sets what is blocked; returns what was blocked before.
static inline zp_signals zp_signals_set(zp_signals blocked)
{
    zp_signals before = 0;
    zp_kernel_call(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, &before, sizeof(before));
    return before;
}

// Blocks all signals; returns what was blocked before.
static inline zp_signals zp_signals_block(void)
{
    return zp_signals_set(UINT64_MAX);
}

static inline void zp_signals_restore(zp_signals before)
{
    zp_signals_set(before);
}

// Those that have arrived and are blocked.
static inline zp_signals zp_signals_pending(void)
{
    zp_signals pending = 0;
    zp_kernel_call(SYS_rt_sigpending, &pending, sizeof(pending));
    return pending;
}

// Takes out a SIGPIPE and a SIGXFSZ that a write of this thread has raised while they were blocked.
// Those that came before from elsewhere go, too.
void zp_signals_take_raised(void);

// For work that may take seconds: the same as zp_signals_block, but those by which a user ends a
// program still end it at once, unless the program handles them.
zp_signals zp_signals_hold(void);

#endif
