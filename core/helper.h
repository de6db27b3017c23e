// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The helper: one thread that does what need not be done in the program's time.
//
// It is there only when an option asks for it and while there is work, now or at a later moment: it
// starts with the first work, ends when there has been none for a second, and starts again. So an
// idle program that retains nothing has no thread more than without the library.
//
// What it does stands in background.h. A part of it is short, as a fork waits for the end of a part.
// Nobody ever depends on the helper: without it the work is done by those who would otherwise have
// been spared it, or not at all.
//
// The thread blocks all signals, is named "zeropool", has a small stack and no priority over
// others.
//
// Locking: ZP_RANK_HELPER, by who forks; the rest are words that are waited on. Fork: the helper is
// between two parts, holding no lock, from before the fork until after it. The child has none until
// there is work.

#ifndef ZP_CORE_HELPER_H
#define ZP_CORE_HELPER_H

#include "base.h"

// Called once; nothing starts yet.
void zp_helper_init(void);

// There is work: starts or wakes the helper; false if there is none to be had. Called without
// locks, outside of the own thread cache. Makes no system call if the helper is at work. errno
// stays.
bool zp_helper_call(void);

// There is work at a moment that is not before any that the helper waits for: the same, but it is
// not woken.
bool zp_helper_keep(void);

// Ends the helper, for good: the program is about to end. When this returns the helper does no more
// work.
void zp_helper_stop(void);

// Whether this process has ever had a helper: libc then takes it for one with threads.
bool zp_helper_has_run(void);

// Fork. Who may hold what the helper waits for only tries to pause it, for a moment; whether it is
// paused.
void zp_helper_pause(void);
bool zp_helper_try_pause(void);
void zp_helper_resume(void);
void zp_helper_reset(void);

#endif
