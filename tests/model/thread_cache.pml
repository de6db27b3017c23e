// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A thread's cache, and another thread that empties it: core/thread_cache.[ch], with what
// core/pool.[ch], core/put.c and core/retain.c do between entering and leaving.
//
// The owner gets and puts on the fast and the slow paths, and flushes; the other thread empties the
// cache, several times. What the owner stores waits in a buffer, as in a processor (x86: total
// store order), until it is written to memory at any later time, in order; the owner itself reads
// its own last stores. Locked instructions and the other thread's barrier wait until the buffer is
// empty. The other thread's stores go to memory at once: it stores what the owner reads only where
// a locked instruction or an order of stores says when.
//
// Not modelled: sizes, because the slow path takes what another would; whether a cache has been
// idle, which is advice; the list of caches and the end of a thread, which are a flush and a lock;
// processors that reorder other stores than these, where the order of the acquires and releases
// does the same.
//
// Holds: no slot has two owners or is lost; what is cached is never more than was granted, and at
// the end the budget is charged for what is granted and pooled; no thread waits for ever.
//
// Explored: 360,065 states; 10 mutants.

#include "common.pml"

#define OPERATIONS 4
#define EMPTYINGS 2

// Two slots, 1 and 2: a slot's number is also its bit in a set of them.
#define NONE 0
#define COUNT(set) (((set) & 1) + ((set) >> 1))
#define FIRST(set) ((set) - 2 * ((set) == 3))

mtype:state state[3] = LIVE; // as of the steps so far, in a buffer or not
byte charged;                    // to the budget
bool emptying;                   // the lock

// ---- Memory, as the owner stores to it -------------------------------------------------------

// The fields of the cache. OTHERS has a bit for each slot in `entries`.
#define INSIDE 0
#define CLAIMED 1
#define NEWEST 2
#define OTHERS 3
#define GRANTED 4
#define DIRTY_ROOM 5
#define FIELDS 6

byte memory[FIELDS];
byte stored[FIELDS];  // by the owner, last
byte waiting[FIELDS]; // of its stores, in the buffer
chan buffer = [3] of { byte, byte };

inline store(field, value)
{
    atomic
    {
        nfull(buffer);
        stored[field] = value;
        waiting[field]++;
        buffer!field, stored[field]
    }
}

// A choice by arithmetic, as spin takes no other in an inline's argument.
#define LOAD(field) ((waiting[field] > 0) * stored[field] + (waiting[field] == 0) * memory[field])
#define FENCE empty(buffer)

active proctype processor()
{
    byte field, value;
end:
    do
    :: atomic
        {
            buffer?field, value -> memory[field] = value;
            waiting[field]--;
            field = 0;
            value = 0
        }
    od
}

// ---- The owner -------------------------------------------------------------------------------

inline try_enter(entered)
{
    store(INSIDE, true); // mutant inside_late: skip;
    entered = !memory[CLAIMED]; // mutant claimed_ignored: entered = true;
    // mutant inside_late: store(INSIDE, true);
    if
    :: !entered -> store(INSIDE, false)
    :: entered
    fi
}

inline leave()
{
    store(INSIDE, false)
}

inline settle_own()
{
    slot = LOAD(NEWEST);
    if
    :: slot != NONE ->
        store(OTHERS, LOAD(OTHERS) | slot);
        store(NEWEST, NONE)
    :: slot == NONE
    fi
}

// zp_thread_cache_open
inline open()
{
    try_enter(entered);
    do
    :: entered -> break
    :: !entered -> // mutant not_waited: :: !entered -> break
        atomic { FENCE && !emptying -> emptying = true }
        release_lock(emptying);
        try_enter(entered)
    od;
    settle_own()
}

// zp_thread_cache_close
inline close()
{
    // mutant left_early: leave();
    slot = FIRST(LOAD(OTHERS));
    if
    :: slot != NONE ->
        store(OTHERS, LOAD(OTHERS) & ~slot);
        store(NEWEST, slot)
    :: slot == NONE
    fi;
    store(DIRTY_ROOM, LOAD(GRANTED) - COUNT(LOAD(OTHERS)));
    leave() // mutant left_early: skip
}

// zp_pool_get_newest
inline get_newest()
{
    try_enter(entered);
    if
    :: entered ->
        slot = LOAD(NEWEST);
        if
        :: slot != NONE ->
            store(NEWEST, NONE);
            atomic { assert(state[slot] == CACHED); state[slot] = LIVE }
        :: slot == NONE
        fi;
        leave()
    :: !entered
    fi
}

// zp_pool_keep_dirty of a slot that is LIVE; false: it still is
inline keep_dirty(put)
{
    try_enter(entered);
    if
    :: entered && LOAD(NEWEST) == NONE && LOAD(DIRTY_ROOM) > 0 ->
        state[put] = CACHED;
        store(NEWEST, put);
        leave()
    :: entered && !(LOAD(NEWEST) == NONE && LOAD(DIRTY_ROOM) > 0) -> leave()
    :: !entered
    fi
}

// zp_get_slot: from the cache, or else from a shard
inline get()
{
    open();
    slot = FIRST(LOAD(OTHERS));
    if
    :: slot != NONE ->
        store(OTHERS, LOAD(OTHERS) & ~slot);
        atomic { assert(state[slot] == CACHED); state[slot] = LIVE }
    :: slot == NONE ->
        atomic
        {
            FENCE;
            if
            :: state[1] == POOLED -> state[1] = LIVE; charged--
            :: state[2] == POOLED -> state[2] = LIVE; charged--
            :: else
            fi
        }
    fi;
    close()
}

// zp_put_slot of a slot that is LIVE, for which the budget has room
inline put_slot(put)
{
    open();
    if
    :: LOAD(GRANTED) == COUNT(LOAD(OTHERS)) ->
        atomic { FENCE; charged++ }
        store(GRANTED, LOAD(GRANTED) + 1)
    :: LOAD(GRANTED) > COUNT(LOAD(OTHERS))
    fi;
    state[put] = CACHED;
    store(OTHERS, LOAD(OTHERS) | put);
    close()
}

// zp_retain_flush
inline flush()
{
    open();
    do
    :: LOAD(OTHERS) != 0 ->
        slot = FIRST(LOAD(OTHERS));
        store(OTHERS, LOAD(OTHERS) & ~slot);
        store(GRANTED, LOAD(GRANTED) - 1);
        atomic { FENCE; assert(state[slot] == CACHED); state[slot] = POOLED }
    :: LOAD(OTHERS) == 0 -> break
    od;
    atomic { FENCE; charged = charged - LOAD(GRANTED) }
    store(GRANTED, 0);
    close()
}

active proctype owner()
{
    byte slot, operations;
    bool entered;
    do
    :: operations == OPERATIONS -> break
    :: operations < OPERATIONS ->
        operations++;
        if
        :: get_newest()
        :: get()
        :: state[1] == LIVE -> keep_dirty(1)
        :: state[2] == LIVE -> keep_dirty(2)
        :: state[1] == LIVE -> put_slot(1)
        :: state[2] == LIVE -> put_slot(2)
        :: flush()
        fi;
        slot = 0;
        entered = false
    od
}

// ---- Another thread --------------------------------------------------------------------------

inline settle()
{
    if
    :: memory[NEWEST] != NONE ->
        memory[OTHERS] = memory[OTHERS] | memory[NEWEST];
        memory[NEWEST] = NONE
    :: memory[NEWEST] == NONE
    fi
}

inline empty_claimed()
{
    if
    :: memory[INSIDE]
    :: !memory[INSIDE] -> // mutant inside_ignored: :: true ->
        // mutant unclaimed_early: memory[CLAIMED] = false;
        settle(); // mutant not_settled: skip;
        spare = memory[GRANTED] - COUNT(memory[OTHERS]);
        memory[GRANTED] = 0;
        memory[DIRTY_ROOM] = 0; // mutant room_left: skip;
        slots = memory[OTHERS];
        memory[OTHERS] = 0
    fi;
    memory[CLAIMED] = false
}

// What its caller does with what was taken, after the lock.
inline pool_taken()
{
    charged = charged - spare; // mutant spare_kept: skip;
    spare = 0;
    do
    :: slots != 0 ->
        slot = FIRST(slots);
        slots = slots & ~slot;
        atomic { assert(state[slot] == CACHED); state[slot] = POOLED }
    :: slots == 0 -> break
    od
}

// zp_thread_caches_take
active proctype other_thread()
{
    byte emptyings, slot, slots, spare;
    do
    :: emptyings < EMPTYINGS ->
        emptyings++;
        take_lock(emptying);
        memory[CLAIMED] = true;
        if
        :: FENCE -> // mutant no_barrier: :: true ->
            empty_claimed()
        :: memory[CLAIMED] = false // the kernel refused the barrier
        fi;
        release_lock(emptying);
        pool_taken()
    :: emptyings == EMPTYINGS -> break
    od;
    timeout;
    byte cached, pooled;
    atomic
    {
        assert(!memory[INSIDE] && !memory[CLAIMED]);
        for (slot : 1 .. 2) {
            assert((state[slot] == CACHED) ==
                   (memory[NEWEST] == slot || (memory[OTHERS] & slot)));
            cached = cached + (state[slot] == CACHED);
            pooled = pooled + (state[slot] == POOLED)
        }
        assert(cached <= memory[GRANTED]);
        assert(charged == memory[GRANTED] + pooled)
    }
}
