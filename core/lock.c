// SPDX-License-Identifier: MIT OR Apache-2.0

#include "lock.h"

#include "os.h"

ZP_TLS unsigned zp_locks_held;

#ifndef NDEBUG
ZP_TLS unsigned zp_ranks_held[ZP_RANKS];
#endif

// After so long a thread that waits looks whether the lock was released silently.
enum { LOOK_MS = 1 };

void zp_lock_wait(struct zp_lock *lock)
{
    while (__atomic_exchange_n(&lock->word, ZP_LOCK_AWAITED, __ATOMIC_ACQUIRE) != ZP_LOCK_FREE)
        zp_os_wait(&lock->word, ZP_LOCK_AWAITED, LOOK_MS);
}

void zp_lock_wake(struct zp_lock *lock)
{
    zp_os_wake_some(&lock->word, 1);
}
