// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Holding signals back: what a handler must not interrupt, because it may fork or allocate, and be
// where this thread would have to wait for itself.
//
// By number, as libc's own function leaves out the signals that it uses itself. errno stays.

#ifndef ZP_PRELOAD_SIGNALS_H
#define ZP_PRELOAD_SIGNALS_H

#include "core/syscall.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>

// As the kernel has it: a bit for each of 64 signals.
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
