// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Blocks signals around code that a handler must not interrupt: a handler may fork or allocate, and
// would then wait for a lock of its own thread.
//
// By system call, because libc's function does not block the signals that libc uses itself. Keeps
// errno.

#ifndef ZP_PRELOAD_SIGNALS_H
#define ZP_PRELOAD_SIGNALS_H

#include "core/syscall.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>

// The kernel's format: a bit for each of 64 signals.
typedef uint64_t zp_signals;

// Blocks all signals; returns what was blocked before.
static inline zp_signals zp_signals_block(void)
{
    int saved_errno = errno;
    zp_signals all = UINT64_MAX, before = 0;
    zp_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
    errno = saved_errno;
    return before;
}

static inline void zp_signals_restore(zp_signals before)
{
    int saved_errno = errno;
    zp_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
    errno = saved_errno;
}

#endif
