// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The helper: one thread for work that the program's threads need not wait for.
//
// It exists only if an option asks for it, and while there is work, now or later: it starts with
// the first work, ends when there has been none for a second, and starts again. So an idle program
// that retains nothing has no additional thread.
//
// Its work is in background.h, in short parts, because a fork waits for the end of a part. Nothing
// depends on the helper: without it the program's threads do the work themselves, or it is not
// done.
//
// The thread is one of spawn.h.
//
// Locking: ZP_RANK_HELPER, held by a thread that forks; the rest are words that are waited on.
// Fork: the helper is between two parts, holding no lock, from before the fork until after it. The
// child has no helper until there is work.

#ifndef ZP_CORE_HELPER_H
#define ZP_CORE_HELPER_H

#include "base.h"

// Called once; nothing starts yet.
void zp_helper_init(void);

// There is work: starts or wakes the helper; false if it cannot be started. Called without locks,
// outside of the own thread cache. Makes no system call if the helper is running. Keeps errno.
bool zp_helper_call(void);

// There will be work, not earlier than what the helper waits for: the same, but without waking it.
bool zp_helper_keep(void);

// Has the helper look at once whether there is work, if it is running: the same, but it never
// starts a thread, so that a signal handler may call it.
void zp_helper_wake(void);

// Ends the helper for good, before the program ends. When this returns the helper does no more
// work.
void zp_helper_stop(void);

// Fork. A thread that may hold what the helper waits for only tries to pause it, for 50 ms; returns
// whether it is paused.
void zp_helper_pause(void);
bool zp_helper_try_pause(void);
void zp_helper_resume(void);
void zp_helper_reset(void);

#endif
