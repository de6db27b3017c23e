// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scrubbing in the background: core/scrub_queue.c and its callers in core/retain.c and core/pool.c.
//
// Two threads of the program get buffers, write to them and free them, and may take back what waits
// (zp_retain_give_back); the helper scrubs. A buffer has two parts. What is done under the queue's
// lock is one step, as all it touches belongs to the lock; what is done without is as many steps as
// others could see.
//
// Left out: how the helper is called (helper.pml), which is here awake when there is work; classes,
// as a request that cannot be served from the queue goes elsewhere; fork (fork.pml); the shards,
// which here have one list (shard.pml); a second refusal of the kernel.
//
// Holds: a buffer handed out is zero and nobody's else; only an owner scrubs, and each part is done
// once; in the end no buffer is left unscrubbed or between two owners, nobody waits, and the budget
// is charged for what is retained.
//
// Explored: 2,852,431 states; 16 mutants.

#define TIME_OUTS 1
#include "common.h"

#define PROGRAMS 2
#define GETS 2
#define SLOTS 2
#define PARTS 2
#define ALL_PARTS 3
#define NONE 255

mtype:state state[SLOTS] = COLD;
byte dirty[SLOTS]; // a bit per part
byte charged;      // to the budget
bool room = true;    // in the queue, and a helper
bool refusal = true; // the kernel may refuse once

typedef scrub_job {
    byte slot = NONE;
    byte claimed, done; // parts
    bool failed;
}
chan queue = [SLOTS] of { byte };
scrub_job hand, joint;
byte ends;
bool end_awaited;

#define scrub_whole(slot) dirty[slot] = 0

// ---- The queue -------------------------------------------------------------------------------

// zp_scrub_queue_put
inline put(slot, queued)
{
    atomic
    {
        if
        :: room -> queue!slot; state[slot] = PENDING; queued = true
        :: room -> room = false; queued = false
        :: !room -> queued = false
        fi
    }
}

// zp_scrub_queue_take
inline take(slot, joined)
{
    atomic
    {
        slot = NONE;
        joined = false;
        if
        :: queue?[_] -> queue?slot; state[slot] = TAKEN
        :: empty(queue) ->
            if
            :: joint.slot == NONE && hand.slot != NONE -> // mutant joined_twice: :: hand.slot != NONE ->
                copy(hand, joint);
                hand.slot = NONE; // mutant hand_kept: skip;
                slot = joint.slot;
                joined = true
            :: else
            fi
        fi
    }
}

inline copy(from, to)
{
    to.slot = from.slot;
    to.claimed = from.claimed;
    to.done = from.done;
    to.failed = from.failed
}

// zp_scrub_queue_evict
inline evict(slot)
{
    atomic
    {
        slot = NONE;
        if
        :: queue?[_] -> queue?slot; state[slot] = TAKEN
        :: empty(queue)
        fi
    }
}

// ---- Parts -----------------------------------------------------------------------------------

#define IS_CLAIMED(job) (job.slot == NONE || job.claimed == PARTS)

inline claim(job)
{
    part_slot = job.slot;
    part = job.claimed;
    job.claimed++ // mutant unclaimed: skip
}

inline fill_hand()
{
    if
    :: hand.slot == NONE && queue?[_] ->
        queue?hand.slot;
        hand.claimed = 0;
        hand.done = 0;
        hand.failed = false
    :: else
    fi
}

// zp_scrub_queue_part; waits where the helper would sleep
inline queue_part()
{
    atomic
    {
        (!IS_CLAIMED(joint) || !IS_CLAIMED(hand) || (hand.slot == NONE && queue?[_]));
        // mutant hand_filled_early: fill_hand();
        if
        :: !IS_CLAIMED(joint) -> claim(joint)
        :: else -> fill_hand(); claim(hand)
        fi
    }
}

// scrub_part: a part of what is one's own
inline scrub_part()
{
    atomic
    {
        assert(state[part_slot] == PENDING && (dirty[part_slot] & (1 << part)));
        if
        :: dirty[part_slot] = dirty[part_slot] & ~(1 << part);
            part_failed = false
        :: refusal -> refusal = false; part_failed = true
        fi
    }
}

inline add_part(job)
{
    job.done++;
    job.failed = job.failed || part_failed // mutant failure_forgotten: skip
}

// zp_scrub_queue_part_done: `ours` is the slot that is the caller's now, or NONE
inline part_done(ours, failed)
{
    atomic
    {
        ours = NONE;
        ended = false;
        if
        :: part_slot == joint.slot -> // mutant always_hand: :: false ->
            add_part(joint);
            ended = joint.done == PARTS
        :: else ->
            assert(part_slot == hand.slot);
            add_part(hand);
            if
            :: hand.done == PARTS -> // mutant hand_ended_early: :: true ->
                end(hand, ours, failed)
            :: else
            fi
        fi;
        ends = (ends + ended) % 4;
        part_slot = NONE;
        part = 0;
        part_failed = false
    }
    if
    :: ended -> wake(end_awaited) // mutant not_woken: :: ended
    :: !ended
    fi
}

inline end(job, ours, failed)
{
    ours = job.slot;
    failed = job.failed;
    state[ours] = TAKEN;
    job.slot = NONE
}

// zp_scrub_queue_join_part
inline join_part()
{
    atomic
    {
        part_slot = NONE;
        if
        :: !IS_CLAIMED(joint) -> claim(joint)
        :: else
        fi
    }
}

inline join_end(ours, failed, give_up)
{
    atomic
    {
        ours = NONE;
        if
        :: joint.done == PARTS -> // mutant joint_ended_early: :: true ->
            end(joint, ours, failed)
        :: else ->
            if
            :: give_up ->
                assert(hand.slot == NONE);
                copy(joint, hand); // mutant given_up_lost: skip;
                joint.slot = NONE  // mutant given_up_kept: skip
            :: else
            fi
        fi
    }
}

inline zp_scrub_queue_join_end(ours, failed)
{
    seen = ends; // mutant ends_late: skip;
    join_end(ours, failed, false);
    // mutant ends_late: seen = ends;
    if
    :: ours != NONE
    :: ours == NONE ->
        fall_asleep(end_awaited, ends, seen);
        sleep_on(end_awaited);
        join_end(ours, failed, true) // mutant never_given_up: join_end(ours, failed, false)
    fi
}

// ---- Callers ---------------------------------------------------------------------------------

inline let_go(slot)
{
    atomic { charged--; dirty[slot] = 0; state[slot] = COLD }
}

inline share(slot)
{
    atomic { assert(state[slot] == TAKEN); state[slot] = POOLED }
}

// outcome: `slot` becomes NONE where the kernel refused
inline outcome(slot, failed)
{
    if
    :: failed -> let_go(slot); slot = NONE // mutant failure_ignored: :: false
    :: else
    fi
}

inline scrub_jointly(slot)
{
    do
    :: true ->
        join_part();
        if
        :: part_slot == NONE -> break
        :: part_slot != NONE -> scrub_part(); part_done(slot, failed); assert(slot == NONE)
        fi
    od;
    zp_scrub_queue_join_end(slot, failed);
    if
    :: slot != NONE -> outcome(slot, failed)
    :: slot == NONE
    fi
}

// zp_retain_take_unscrubbed
inline take_unscrubbed(slot)
{
    take(slot, joined);
    if
    :: joined -> scrub_jointly(slot)
    :: !joined && slot != NONE -> scrub_whole(slot) // mutant taken_dirty: :: !joined && slot != NONE
    :: !joined && slot == NONE
    fi
}

inline take_in_state(wanted, slot)
{
    atomic
    {
        if
        :: state[0] == wanted -> slot = 0
        :: state[0] != wanted && state[1] == wanted -> slot = 1
        :: else -> slot = NONE
        fi;
        if
        :: slot != NONE -> state[slot] = TAKEN
        :: else
        fi
    }
}

// zp_pool_get: a shard, the queue, a cold slot
inline get(slot)
{
    take_in_state(POOLED, slot);
    if
    :: slot == NONE -> take_unscrubbed(slot)
    :: slot != NONE
    fi;
    if
    :: slot != NONE -> charged-- // mutant charge_kept: :: slot != NONE
    :: slot == NONE -> take_in_state(COLD, slot)
    fi;
    if
    :: slot != NONE ->
        atomic
        {
            assert(state[slot] == TAKEN && dirty[slot] == 0);
            state[slot] = LIVE;
            dirty[slot] = ALL_PARTS // the program writes to all of it
        }
    :: slot == NONE // the request goes to jemalloc
    fi
}

// zp_pool_take_back
inline take_back(slot)
{
    atomic { state[slot] = TAKEN; charged++ }
    put(slot, queued);
    if
    :: queued
    :: !queued -> scrub_whole(slot); share(slot)
    fi
}

active [PROGRAMS] proctype program()
{
    byte slot, gets, part_slot = NONE, part, seen;
    bool queued, joined, failed, part_failed, ended;
    do
    :: gets < GETS ->
        gets++;
        get(slot);
        if
        :: slot != NONE ->
            take_back(slot)
        :: slot == NONE
        fi
    :: gets < GETS -> // zp_retain_give_back
        gets++;
        evict(slot);
        if
        :: slot != NONE -> let_go(slot)
        :: slot == NONE
        fi
    :: gets == GETS -> break
    od
}

// zp_retain_scrub_part
active proctype helper()
{
    byte slot, part_slot = NONE, part;
    bool failed, part_failed, ended;
    do
    :: true ->
end_idle:
        queue_part();
        scrub_part();
        part_done(slot, failed);
        if
        :: slot != NONE ->
            outcome(slot, failed);
            if
            :: slot != NONE -> assert(dirty[slot] == 0); share(slot)
            :: slot == NONE
            fi
        :: slot == NONE
        fi
    od
}

init
{
    timeout;
    byte slot, retained;
    atomic
    {
        assert(hand.slot == NONE && joint.slot == NONE && empty(queue));
        for (slot : 0 .. SLOTS - 1) {
            assert(state[slot] == COLD || state[slot] == POOLED);
            retained = retained + (state[slot] == POOLED)
        }
        assert(charged == retained)
    }
}
