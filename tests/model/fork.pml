// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What fork does to the pool: core/fork.c, and all that looks at epochs and at what was left out,
// in core/pool.c and core/retain.c.
//
// One thread forks, twice; another gets and puts buffers, by every way that there is; the helper
// scrubs. What is done under one of the locks is a step, and not while the thread that forks holds
// them all. The child is looked at in the moment of the fork, as it begins alone: its slots must be
// as at a start, but for those that are live, and for pooled ones that were not left out.
//
// Left out: runs of neighbours, as a run is treated as its slots; caches of threads, which here are
// the state CACHED; how the helper is paused (helper.pml); forks that interrupt the pool; slots
// without pages, which share nothing.
//
// Holds: what the program has is there in the child; no slot of the child is lost, or dirty when
// handed out; pages that a child may share are known by their old epoch, and neither scrubbed by
// the helper nor handed out from a shard; no buffer is handed out dirty.
//
// Explored: 2,299,237 states; 10 mutants.

#include "common.pml"

#define SLOTS 2
#define PARTS 2
#define ALL_PARTS 3
#define FORKS 2
#define OPERATIONS 5
#define NONE 255

mtype:state state[SLOTS] = COLD;
byte dirty[SLOTS];         // a bit per part
byte slot_epoch[SLOTS];
bool left_out[SLOTS];
byte epoch;                // zp_arena.epoch
bool locks;                // all of them
bool paused, busy;         // the helper
byte hand = NONE, claimed; // what it scrubs, and how many parts of it
bool failed;
byte joint = NONE; // what a request took out of its hand

// What the kernel knows.
bool pages[SLOTS];
bool missing[SLOTS]; // from the next child: MADV_DONTFORK
bool shared[SLOTS];  // with a child, as far as is known

bool forked;         // just now, and the epoch has not been raised yet
#define HOLDS(slot) (forked || !shared[slot] || slot_epoch[slot] != epoch)
#define IS_SHARED(slot) (left_out[slot] || slot_epoch[slot] != epoch)

// ---- Slots -----------------------------------------------------------------------------------

// zp_arena_release of all
inline release(slot)
{
    atomic
    {
        dirty[slot] = 0;
        pages[slot] = false;
        shared[slot] = false;
        missing[slot] = false;
        left_out[slot] = false
    }
}

inline decommit(slot)
{
    release(slot);
    atomic { !locks; state[slot] = COLD }
}

// A slot that is in one state goes to another, under a lock; NONE if there is none.
inline take(from, to, slot)
{
    atomic
    {
        !locks;
        if
        :: state[0] == from && hand != 0 && joint != 0 -> slot = 0
        :: state[1] == from && hand != 1 && joint != 1 -> slot = 1
        :: else -> slot = NONE
        fi;
        if
        :: slot != NONE -> state[slot] = to
        :: slot == NONE
        fi
    }
}

inline put(slot, to)
{
    atomic { !locks; state[slot] = to }
}

// ---- A thread that gets and puts -------------------------------------------------------------

inline hand_out(slot)
{
    atomic
    {
        assert(dirty[slot] == 0 && pages[slot]);
        assert(!left_out[slot] && !missing[slot]);
        state[slot] = LIVE;
        dirty[slot] = ALL_PARTS
    }
}

// zp_retain_take_cold and zp_arena_commit
inline get_fresh(slot)
{
    take(COLD, TAKEN, slot);
    if
    :: slot != NONE ->
        atomic { slot_epoch[slot] = epoch; assert(HOLDS(slot)) }
        pages[slot] = true;
        hand_out(slot)
    :: slot == NONE
    fi
}

// get_pooled and ready_pooled
inline ready_pooled(slot)
{
    if
    :: left_out[slot] -> // mutant left_out_ignored: :: false ->
        decommit(slot);
        slot = NONE
    :: else ->
        now = epoch;
        if
        :: slot_epoch[slot] != now -> // mutant epoch_not_compared: :: false ->
            release(slot);
            pages[slot] = true
        :: else
        fi;
        // mutant epoch_read_twice: now = epoch;
        atomic { slot_epoch[slot] = now; assert(HOLDS(slot)) }
        hand_out(slot)
    fi
}

inline outcome(slot)
{
    if
    :: IS_SHARED(slot) ->
        decommit(slot);
        slot = NONE
    :: else
    fi
}

// zp_retain_take_unscrubbed: what nobody is at yet
inline take_unscrubbed(slot)
{
    take(PENDING, TAKEN, slot);
    if
    :: slot != NONE ->
        outcome(slot);
        if
        :: slot != NONE -> dirty[slot] = 0; ready_pooled(slot)
        :: slot == NONE
        fi
    :: slot == NONE
    fi
}

// Or what the helper is at, between two parts of it: how they share the work is in scrub_queue.pml.
inline scrub_jointly(slot)
{
    atomic { !locks && !busy && hand != NONE -> slot = hand; joint = hand; hand = NONE }
    dirty[slot] = 0;
    atomic { !locks; state[slot] = TAKEN; joint = NONE }
    outcome(slot);
    if
    :: slot != NONE -> ready_pooled(slot)
    :: slot == NONE
    fi
}

inline get(slot)
{
    if
    :: take(POOLED, TAKEN, slot);
        if
        :: slot != NONE -> ready_pooled(slot)
        :: slot == NONE
        fi
    :: state[0] == CACHED -> slot = 0; hand_out(slot) // without a lock
    :: state[1] == CACHED -> slot = 1; hand_out(slot)
    :: scrub_jointly(slot)
    :: take_unscrubbed(slot)
    :: get_fresh(slot)
    fi
}

// zp_pool_take_back
inline take_back(slot)
{
    state[slot] = TAKEN;
    if
    :: slot_epoch[slot] != epoch -> decommit(slot)
    :: slot_epoch[slot] == epoch ->
        if
        :: dirty[slot] = 0; state[slot] = CACHED
        :: dirty[slot] = 0; put(slot, POOLED)
        :: dirty[slot] = 0; put(slot, QUARANTINED)
        :: put(slot, PENDING)
        fi
    fi;
    slot = NONE
}

// Of any thread's: back into a shard, made accessible
inline leave_quarantine(slot)
{
    take(QUARANTINED, TAKEN, slot);
    if
    :: slot != NONE ->
        outcome(slot);
        if
        :: slot != NONE -> put(slot, POOLED); slot = NONE
        :: slot == NONE
        fi
    :: slot == NONE
    fi
}

// mark_idle: out of a shard and in again
inline mark(slot)
{
    take(POOLED, TAKEN, slot);
    if
    :: slot != NONE -> put(slot, POOLED); slot = NONE
    :: slot == NONE
    fi
}

active proctype program()
{
    byte slot = NONE, operations, now;
    do
    :: operations == OPERATIONS -> break
    :: operations < OPERATIONS ->
        operations++;
        if
        :: slot == NONE -> get(slot)
        :: slot == NONE -> mark(slot)
        :: slot == NONE -> leave_quarantine(slot)
        :: slot != NONE -> take_back(slot)
        fi;
        now = 0
    od
}

// ---- The helper ------------------------------------------------------------------------------

#define IS_QUEUED(slot) (state[slot] == PENDING && joint != slot)

inline take_hand()
{
    atomic
    {
        !locks;
        if
        :: hand == NONE && IS_QUEUED(0) -> hand = 0; claimed = 0; failed = false
        :: hand == NONE && IS_QUEUED(1) -> hand = 1; claimed = 0; failed = false
        :: else
        fi
    }
}

// zp_retain_scrub_part
inline scrub_part()
{
    take_hand();
    if
    :: hand != NONE ->
        if
        :: IS_SHARED(hand) -> failed = true // mutant shared_scrubbed: :: false ->
        :: else ->
            atomic { assert(!shared[hand]); dirty[hand] = dirty[hand] & ~(1 << claimed) }
        fi;
        atomic
        {
            !locks;
            claimed++;
            if
            :: claimed == PARTS -> slot = hand; hand = NONE; state[slot] = TAKEN
            :: claimed < PARTS
            fi
        }
        if
        :: slot != NONE && failed -> decommit(slot)
        :: slot != NONE && !failed ->
            outcome(slot);
            if
            :: slot != NONE -> put(slot, POOLED)
            :: slot == NONE
            fi
        :: slot == NONE
        fi;
        slot = NONE
    :: hand == NONE
    fi
}

active proctype helper()
{
    byte slot = NONE;
end:
    do
    :: atomic
        {
            !paused && (hand != NONE || IS_QUEUED(0) || IS_QUEUED(1)) -> // mutant helper_not_paused: (hand != NONE || IS_QUEUED(0) || IS_QUEUED(1)) ->
            busy = true
        }
        scrub_part();
        busy = false
    od
}

// ---- Fork ------------------------------------------------------------------------------------

#define IS_OURS(slot) \
    (state[slot] == POOLED || state[slot] == PENDING || state[slot] == QUARANTINED)

// zp_fork_begin and zp_fork_prepare
inline zp_fork_prepare()
{
    paused = true;
    !busy; // mutant helper_not_paused: skip;
    locks = true; // mutant not_locked: skip;
    epoch++; // next_epoch
    for (slot : 0 .. SLOTS - 1) {
        if
        :: IS_OURS(slot) -> // mutant taken_left_out: :: IS_OURS(slot) || state[slot] == TAKEN ->
            if
            :: atomic { missing[slot] = true; left_out[slot] = true }
            :: true // the kernel refused, or it is not worth a call
            fi
        :: else
        fi
    }
}

// zp_fork_child, and what is true of the child
inline zp_fork_child()
{
    for (slot : 0 .. SLOTS - 1) {
        if
        :: left_out[slot] -> // fill_hole: COLD, or RETIRED
            assert(state[slot] != LIVE && state[slot] != COLD)
        :: !left_out[slot] && state[slot] == LIVE ->
            assert(!missing[slot])
        :: !left_out[slot] && state[slot] == COLD ->
            assert(!pages[slot] && dirty[slot] == 0)
        :: !left_out[slot] && state[slot] == POOLED -> // stays, and is dropped before it is used
            assert(slot_epoch[slot] != epoch + 1) // the child's
        :: else // give_up_orphan: COLD
        fi;
        shared[slot] = shared[slot] || (pages[slot] && !missing[slot])
    }
    forked = true
}

inline zp_fork_parent()
{
    atomic
    {
        epoch++; // mutant epoch_raised_once: skip;
        forked = false;
        for (slot : 0 .. SLOTS - 1) {
            assert(HOLDS(slot)) // of the child as well
        }
    }
    for (slot : 0 .. SLOTS - 1) {
        if
        :: left_out[slot] && IS_OURS(slot) -> // mutant taken_brought_back: :: left_out[slot] ->
            if
            :: missing[slot] = false; marked = false
            :: marked = true // the kernel refused
            fi;
            left_out[slot] = marked;
            if
            :: slot_epoch[slot] == epoch - 2 -> // mutant epoch_renewed: :: true ->
                atomic { slot_epoch[slot] = epoch; assert(HOLDS(slot)) }
            :: else
            fi
        :: else
        fi
    }
    marked = false;
    locks = false;
    paused = false
}

active proctype forking_program()
{
    byte slot, forks;
    bool marked;
    for (forks : 1 .. FORKS) {
        zp_fork_prepare();
        atomic { zp_fork_child() }
        zp_fork_parent()
    }
    timeout;
    for (slot : 0 .. SLOTS - 1) {
        assert(state[slot] == COLD || state[slot] == LIVE || state[slot] == CACHED ||
               state[slot] == POOLED || state[slot] == QUARANTINED);
        assert(state[slot] != POOLED || dirty[slot] == 0)
    }
}
