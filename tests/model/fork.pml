// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What fork does to the pool: core/fork.c, and everything that looks at epochs and at mappings
// excluded from children (MADV_DONTFORK), in core/get.c and core/put.c.
//
// One thread forks, twice; another gets and puts buffers by every path there is; the helper scrubs.
// What is done under one of the locks is a step, and waits while the thread that forks holds them
// all. The child is looked at right after the fork, as it begins alone: its slots must be as at a
// start, except for live ones and for pooled ones that were not excluded.
//
// Not modelled: runs of neighbours, because a run is treated as its slots; the caches of threads,
// which here are the state CACHED; how the helper is paused (helper.pml); forks that interrupt the
// pool; slots without pages, which share nothing.
//
// Holds: what the program owns is in the child; no slot of the child is lost, or dirty when handed
// out; pages that a child may share are known by their old epoch, and neither scrubbed by the
// helper nor handed out from a shard; no buffer is handed out dirty.
//
// Explored: 2,433,175 states; 10 mutants.

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
bool excluded[SLOTS];      // mapping is DONTFORK
byte epoch;                // zp_epoch
bool locks;                // all of them
bool paused, busy;         // the helper
byte hand = NONE, done;    // what it scrubs, and how many parts of it are zero
bool failed, wanted;
byte handed = NONE;        // what it handed over to the request that wanted it

// What the kernel knows.
bool pages[SLOTS];
bool missing[SLOTS]; // from the next child: MADV_DONTFORK
bool shared[SLOTS];  // with a child, as far as is known
bool forked;         // just now, and the epoch has not been raised yet
#define HOLDS(slot) (forked || !shared[slot] || slot_epoch[slot] != epoch)
#define IS_SHARED(slot) (excluded[slot] || slot_epoch[slot] != epoch)

// ---- Slots -----------------------------------------------------------------------------------

inline drop_pages(slot) // and all that is known of them
{
    atomic
    {
        dirty[slot] = 0; pages[slot] = false; shared[slot] = false;
        missing[slot] = false; excluded[slot] = false
    }
}

inline zp_decommit(slot)
{
    drop_pages(slot);
    atomic { !locks; state[slot] = COLD }
}

// A slot that is in one state goes to another, under a lock; NONE if there is none.
inline take(from, to, slot)
{
    atomic
    {
        !locks;
        if
        :: state[0] == from && hand != 0 && handed != 0 -> slot = 0; state[0] = to
        :: state[1] == from && hand != 1 && handed != 1 -> slot = 1; state[1] = to
        :: else -> slot = NONE
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
        assert(!excluded[slot] && !missing[slot]);
        state[slot] = LIVE; dirty[slot] = ALL_PARTS
    }
}

// zp_retain_take_cold and zp_commit
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

// take_over: make_private
inline take_over(slot)
{
    if
    :: excluded[slot] -> // mutant excluded_ignored: :: false ->
        zp_decommit(slot);
        slot = NONE
    :: else ->
        now = epoch;
        if
        :: slot_epoch[slot] != now -> // mutant epoch_not_compared: :: false ->
            drop_pages(slot);
            pages[slot] = true
        :: else
        fi;
        // mutant epoch_read_twice: now = epoch;
        atomic { slot_epoch[slot] = now; assert(HOLDS(slot)) }
        hand_out(slot)
    fi
}

inline give_back_shared(slot)
{
    if
    :: IS_SHARED(slot) ->
        zp_decommit(slot);
        slot = NONE
    :: else
    fi
}

// get_unscrubbed and finish_job: what is queued, or else what the helper has in hand, between two
// parts or handed over after one: how a request waits for that is in scrub_queue.pml.
inline get_unscrubbed(slot)
{
    if
    :: take(PENDING, TAKEN, slot)
    :: atomic { !locks && !busy && hand != NONE -> slot = hand; hand = NONE; state[slot] = TAKEN }
    :: atomic { !locks && busy && hand != NONE -> wanted = true }
        atomic { !locks; claim_handed(slot) } // in time or not
    fi;
    if
    :: slot != NONE ->
        give_back_shared(slot);
        if
        :: slot != NONE -> dirty[slot] = 0; take_over(slot)
        :: slot == NONE
        fi
    :: slot == NONE
    fi
}

inline claim_handed(slot)
{
    if
    :: handed != NONE -> slot = handed; handed = NONE; state[slot] = TAKEN
    :: handed == NONE -> wanted = false
    fi
}

inline get(slot)
{
    if
    :: take(POOLED, TAKEN, slot);
        if
        :: slot != NONE -> take_over(slot)
        :: slot == NONE
        fi
    :: state[0] == CACHED -> slot = 0; hand_out(slot) // without a lock
    :: state[1] == CACHED -> slot = 1; hand_out(slot)
    :: get_unscrubbed(slot)
    :: get_fresh(slot)
    fi
}

// zp_put_slot
inline put_slot(slot)
{
    state[slot] = TAKEN;
    if
    :: slot_epoch[slot] != epoch -> zp_decommit(slot)
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
        give_back_shared(slot);
        if
        :: slot != NONE -> put(slot, POOLED); slot = NONE
        :: slot == NONE
        fi
    :: slot == NONE
    fi
}

// zp_reclaim_idle: out of a shard and in again
inline reclaim_idle(slot)
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
        :: slot == NONE -> reclaim_idle(slot)
        :: slot == NONE -> leave_quarantine(slot)
        :: slot != NONE -> put_slot(slot)
        fi;
        now = 0
    od
}

// ---- The helper ------------------------------------------------------------------------------

#define IS_QUEUED(slot) (state[slot] == PENDING && handed != slot)

inline take_hand()
{
    atomic
    {
        !locks;
        if
        :: hand == NONE && IS_QUEUED(0) -> hand = 0; done = 0; failed = false
        :: hand == NONE && IS_QUEUED(1) -> hand = 1; done = 0; failed = false
        :: else
        fi
    }
}

// zp_put_scrub_part
inline scrub_part()
{
    take_hand();
    if
    :: hand != NONE ->
        if
        :: IS_SHARED(hand) -> failed = true // mutant shared_scrubbed: :: false ->
        :: else ->
            atomic { assert(!shared[hand]); dirty[hand] = dirty[hand] & ~(1 << done) }
        fi;
        atomic
        {
            !locks;
            done++;
            if
            :: wanted -> handed = hand; hand = NONE; wanted = false
            :: !wanted && done == PARTS -> slot = hand; hand = NONE; state[slot] = TAKEN
            :: !wanted && done < PARTS
            fi
        }
        if
        :: slot != NONE && failed -> zp_decommit(slot)
        :: slot != NONE && !failed ->
            give_back_shared(slot);
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
        :: IS_OURS(slot) -> // mutant taken_excluded: :: IS_OURS(slot) || state[slot] == TAKEN ->
            if
            :: atomic { missing[slot] = true; excluded[slot] = true }
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
        :: excluded[slot] -> // fill_hole: COLD, or RETIRED
            assert(state[slot] != LIVE && state[slot] != COLD)
        :: !excluded[slot] && state[slot] == LIVE ->
            assert(!missing[slot])
        :: !excluded[slot] && state[slot] == COLD ->
            assert(!pages[slot] && dirty[slot] == 0)
        :: !excluded[slot] && state[slot] == POOLED -> // stays, and is dropped before it is used
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
        :: excluded[slot] && IS_OURS(slot) -> // mutant taken_brought_back: :: excluded[slot] ->
            if
            :: missing[slot] = false; stays = false
            :: stays = true // the kernel refused
            fi;
            excluded[slot] = stays;
            if
            :: slot_epoch[slot] == epoch - 2 -> // mutant epoch_renewed: :: true ->
                atomic { slot_epoch[slot] = epoch; assert(HOLDS(slot)) }
            :: else
            fi
        :: else
        fi
    }
    stays = false; locks = false; paused = false
}

active proctype forking_program()
{
    byte slot, forks;
    bool stays;
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
