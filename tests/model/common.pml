// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the models share: locks, and words that are waited on (a futex: core/os.c, zp_os_wait and
// zp_os_wake). One thread at a time waits on each word, and `asleep` says that it does.
//
// A wait ends with the wake-up, or by itself: when its time is over, by a signal, or because the
// kernel refuses to wait. It ends by itself TIME_OUTS times in a run at most, so that a thread whose
// wake-up was lost is found asleep at the end. A wake-up that the kernel refuses is not modelled: the
// time-outs are there for it.

#define take_lock(lock) \
    atomic                     \
    {                          \
        !lock->lock = true     \
    }
#define release_lock(lock) lock = false

#ifndef TIME_OUTS
#define TIME_OUTS 2
#endif

byte time_outs = TIME_OUTS;

inline fall_asleep(asleep, word, value)
{
    atomic
    {
        if
        :: word == value -> asleep = true
        :: else
        fi
    }
}

inline sleep_on(asleep)
{
    if
    :: !asleep
    :: atomic { asleep && time_outs > 0 -> time_outs--; asleep = false }
    fi
}

#define wake(asleep) asleep = false

// The states of a slot (core/slot.h). What is on a list that a lock guards has the list's state, so
// the state stands for the list where its order does not matter.
mtype:state = { COLD, TAKEN, LIVE, CACHED, POOLED, PENDING, QUARANTINED, RETIRED };
