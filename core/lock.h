// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A mutex with a rank. Locks are taken in the order of their ranks, within one rank in the order of
// their index, and fork takes them all in that order; builds with assertions check the ranks.
//
// Always holds: nothing is scrubbed, allocated or logged under a lock, and no system call is made,
// with three exceptions: opening another page of slot records (arena.h), the barrier before the
// caches of other threads are emptied (thread_cache.h), and opening a pool (pools.h). So a lock is
// held for tens of nanoseconds.
//
// It is a word that threads wait for by futex, not a mutex of libc: who may make no system call
// (zeropool_try_get) takes a lock only if it is free, and releases it without waking anybody. So
// who waits looks again after a millisecond at the latest.
//
// A thread counts the locks that it holds or waits for, so that a fork in a signal handler can tell
// whether it has interrupted the pool (fork.h).
//
// Fork: the thread that forks takes all locks (fork.h). The parent releases them, the child
// initialises them again.

#ifndef ZP_CORE_LOCK_H
#define ZP_CORE_LOCK_H

#include "base.h"

#include <assert.h>

enum zp_lock_rank {
    ZP_RANK_NONE,
    ZP_RANK_HELPER,     // pausing the helper, first of all in a fork
    ZP_RANK_POOLS,      // opening and closing a pool
    ZP_RANK_EMPTYING,   // emptying the caches of other threads
    ZP_RANK_THREADS,    // the list of thread caches
    ZP_RANK_REGION,     // the cold slots of one region
    ZP_RANK_SHARD,      // the pooled slots of one shard
    ZP_RANK_QUEUE,      // the slots that wait to be scrubbed
    ZP_RANK_QUARANTINE, // the slots in quarantine
    ZP_RANK_PROFILE,    // the tables of the profile
    ZP_RANKS,
};

struct zp_lock {
    uint32_t word; // enum zp_lock_word
    enum zp_lock_rank rank;
};

enum zp_lock_word {
    ZP_LOCK_FREE,
    ZP_LOCK_HELD,
    ZP_LOCK_AWAITED, // held, and others may wait for it
};

// The locks that this thread holds or waits for.
extern ZP_TLS unsigned zp_locks_held;

#ifndef NDEBUG
// How many of each rank.
extern ZP_TLS unsigned zp_ranks_held[ZP_RANKS];
#endif

// Called before waiting for a lock: waiting out of order can deadlock, trying cannot.
static inline void zp_lock_check_order(const struct zp_lock *lock)
{
#ifndef NDEBUG
    for (unsigned rank = lock->rank + 1; rank < ZP_RANKS; rank++)
        assert(zp_ranks_held[rank] == 0);
#endif
    (void)lock;
}

static inline void zp_lock_note_taken(const struct zp_lock *lock)
{
#ifndef NDEBUG
    zp_ranks_held[lock->rank]++;
#endif
    (void)lock;
}

// Counted before a lock is taken and after it is released: a signal handler in between sees it.
static inline void zp_lock_count(int change)
{
    zp_locks_held += (unsigned)change;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void zp_lock_init(struct zp_lock *lock, enum zp_lock_rank rank)
{
    __atomic_store_n(&lock->word, ZP_LOCK_FREE, __ATOMIC_RELAXED);
    lock->rank = rank;
}

static inline bool zp_lock_seize(struct zp_lock *lock)
{
    uint32_t seen = ZP_LOCK_FREE;
    return __atomic_compare_exchange_n(&lock->word, &seen, ZP_LOCK_HELD, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

// Waits until the lock is held by this thread; wakes one that waits. errno stays.
ZP_COLD void zp_lock_wait(struct zp_lock *lock);
ZP_COLD void zp_lock_wake(struct zp_lock *lock);

static inline void zp_lock_take(struct zp_lock *lock)
{
    zp_lock_check_order(lock);
    zp_lock_count(1);
    if (ZP_UNLIKELY(!zp_lock_seize(lock)))
        zp_lock_wait(lock);
    zp_lock_note_taken(lock);
}

static inline bool zp_lock_try(struct zp_lock *lock)
{
    zp_lock_count(1);
    if (!zp_lock_seize(lock)) {
        zp_lock_count(-1);
        return false;
    }
    zp_lock_note_taken(lock);
    return true;
}

static inline uint32_t zp_lock_free(struct zp_lock *lock)
{
#ifndef NDEBUG
    assert(zp_ranks_held[lock->rank] > 0);
    zp_ranks_held[lock->rank]--;
#endif
    return __atomic_exchange_n(&lock->word, ZP_LOCK_FREE, __ATOMIC_RELEASE);
}

static inline void zp_lock_release(struct zp_lock *lock)
{
    if (ZP_UNLIKELY(zp_lock_free(lock) == ZP_LOCK_AWAITED))
        zp_lock_wake(lock);
    zp_lock_count(-1);
}

// The same without a system call: who waits finds out by itself.
static inline void zp_lock_release_silently(struct zp_lock *lock)
{
    zp_lock_free(lock);
    zp_lock_count(-1);
}

// In the child of a fork: the lock is free, even if a thread of the parent held it.
static inline void zp_lock_reset(struct zp_lock *lock)
{
    zp_lock_init(lock, lock->rank);
}

// In the child of a fork: this thread holds no lock any more.
static inline void zp_lock_forget_all(void)
{
#ifndef NDEBUG
    for (unsigned rank = 0; rank < ZP_RANKS; rank++)
        zp_ranks_held[rank] = 0;
#endif
    zp_locks_held = 0;
}

#endif
