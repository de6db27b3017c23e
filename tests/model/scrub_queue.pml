// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scrubbing in the background: core/scrub_queue.c and its callers in core/get.c and core/put.c.
//
// Two threads of the program get buffers, write to them and free them, and may give back what is
// queued (zp_trim); the helper scrubs. A buffer has two parts. What is done under the queue's lock
// is one step, because all it touches belongs to the lock; what is done without the lock is as many
// steps as others could see.
//
// Not modelled: how the helper is called (helper.pml), which here is awake when there is work;
// classes, because a request that cannot be served from the queue goes elsewhere; fork (fork.pml);
// the shards, which here have one list (shard.pml); a second refusal of the kernel.
//
// Holds: a buffer that is handed out is zero and has one owner; only an owner scrubs, and each part
// once; at the end no buffer is unscrubbed or without an owner, no thread waits, and the budget is
// charged for what is retained.
//
// Explored: 816,856 states; 18 mutants.

#define TIME_OUTS 1
#include "common.pml"

#define PROGRAMS 2
#define GETS 2
#define SLOTS 2
#define PARTS 2
#define ALL_PARTS 3
#define NONE 255

mtype:state state[SLOTS] = COLD;
byte dirty[SLOTS];   // a bit per part
byte charged;        // to the budget
bool room = true;    // in the queue, and a helper
bool refusal = true; // the kernel may refuse once

typedef scrub_job {
    byte slot = NONE;
    byte done; // parts
    bool failed;
}
chan queue = [SLOTS] of { byte };
byte buffers; // zp_scrub_queue_bytes, in buffers
scrub_job hand, handed;
bool at_part, wanted;
byte hand_overs;
bool hand_over_awaited; // a request sleeps on hand_overs

inline copy(from, to)
{
    to.slot = from.slot;
    to.done = from.done;
    to.failed = from.failed
}

// ---- The queue -------------------------------------------------------------------------------

// zp_scrub_queue_put
inline put(slot, queued)
{
    atomic
    {
        if
        :: room -> queue!slot; state[slot] = PENDING; buffers++; queued = true
        :: room -> room = false; queued = false
        :: !room -> queued = false
        fi
    }
}

inline take_away(taken)
{
    buffers--; // mutant bytes_kept: skip;
    state[taken] = TAKEN
}

inline take_hand(job)
{
    if
    :: wanted || handed.slot != NONE || hand.slot == NONE // mutant handed_overwritten: :: wanted || hand.slot == NONE
    :: else ->
        if
        :: at_part -> // mutant taken_at_part: :: false ->
            wanted = true; // mutant never_wanted: skip;
            waits = true
        :: else ->
            copy(hand, job);
            hand.slot = NONE; // mutant hand_kept: skip;
            take_away(job.slot)
        fi
    fi
}

// Under the lock: `waits` says that the request has to wait for the hand-over.
inline take_or_want(job)
{
    atomic
    {
        job.slot = NONE;
        waits = false;
        if
        :: queue?[_] ->
            queue?job.slot;
            job.done = 0;
            job.failed = false;
            take_away(job.slot)
        :: empty(queue) -> take_hand(job)
        fi;
        seen = hand_overs // mutant looked_late: skip
    }
    // mutant looked_late: seen = hand_overs
}

// After a wake-up, and after a time-out as well
inline await_hand_over(job)
{
    fall_asleep(hand_over_awaited, hand_overs, seen);
    sleep_on(hand_over_awaited);
    timed_out = hand_overs == seen; // only a mutant looks at it
    atomic
    {
        if
        :: true -> // mutant lost_at_time_out: :: !timed_out ->
            copy(handed, job);
            handed.slot = NONE // mutant handed_kept: skip
        :: false // mutant lost_at_time_out: :: timed_out
        fi;
        wanted = false; // mutant still_wanted: skip;
        if
        :: job.slot != NONE -> take_away(job.slot)
        :: job.slot == NONE
        fi
    }
    timed_out = false
}

inline zp_scrub_queue_take(job)
{
    if
    :: buffers == 0 -> job.slot = NONE // without the lock
    :: buffers != 0 ->
        take_or_want(job);
        if
        :: waits -> await_hand_over(job)
        :: !waits
        fi
    fi
}

inline zp_scrub_queue_evict(slot)
{
    atomic
    {
        slot = NONE;
        if
        :: queue?[_] -> queue?slot; take_away(slot)
        :: empty(queue)
        fi
    }
}

// ---- Parts -----------------------------------------------------------------------------------

// Waits where the helper would sleep
inline zp_scrub_queue_part()
{
    atomic
    {
        (hand.slot != NONE || queue?[_]);
        if
        :: hand.slot == NONE -> queue?hand.slot; hand.done = 0; hand.failed = false
        :: hand.slot != NONE
        fi;
        part_slot = hand.slot;
        part = hand.done;
        at_part = true
    }
}

inline scrub_part()
{
    atomic
    {
        assert(state[part_slot] == PENDING && (dirty[part_slot] & (1 << part)));
        if
        :: dirty[part_slot] = dirty[part_slot] & ~(1 << part); part_failed = false
        :: refusal -> refusal = false; part_failed = true
        fi
    }
}

// zp_scrub_queue_part_done: `ours` is the slot that is the helper's now, or NONE
inline part_done(ours, failed)
{
    atomic
    {
        ours = NONE;
        assert(hand.slot == part_slot);
        hand.done++; // mutant done_forgotten: skip;
        hand.failed = hand.failed || part_failed; // mutant failure_forgotten: skip;
        at_part = false;
        hand_over = wanted;
        ended = hand.done == PARTS; // mutant ended_early: ended = true;
        if
        :: hand_over ->
            assert(handed.slot == NONE);
            copy(hand, handed);
            hand_overs = (hand_overs + 1) % 4;
            wanted = false
        :: else
        fi;
        if
        :: !hand_over && ended -> // mutant ended_twice: :: ended ->
            ours = hand.slot;
            failed = hand.failed;
            take_away(ours)
        :: else
        fi;
        hand.slot = (hand_over || ended -> NONE : hand.slot) // mutant handed_goes_on: hand.slot = (ended -> NONE : hand.slot)
    }
    if
    :: hand_over -> wake(hand_over_awaited) // mutant not_woken: :: hand_over
    :: !hand_over
    fi;
    part_slot = NONE;
    part = 0;
    part_failed = false;
    hand_over = false;
    ended = false
}

// ---- Callers ---------------------------------------------------------------------------------

inline zp_retain_let_go(slot)
{
    atomic { charged--; dirty[slot] = 0; state[slot] = COLD }
}

inline share(slot)
{
    atomic { assert(state[slot] == TAKEN); state[slot] = POOLED }
}

inline scrub_whole(slot)
{
    atomic { assert(state[slot] == TAKEN); dirty[slot] = 0 }
}

// finish_job: `failed` says that the kernel refused
inline finish_job(job)
{
    atomic
    {
        assert(state[job.slot] == TAKEN);
        assert(job.failed || dirty[job.slot] == ALL_PARTS - (1 << job.done) + 1);
        if
        :: job.failed -> failed = true // mutant failure_ignored: :: false
        :: else ->
            if
            :: dirty[job.slot] = dirty[job.slot] & ((1 << job.done) - 1); // mutant rest_left: :: skip;
                failed = false
            :: refusal -> refusal = false; failed = true
            fi
        fi
    }
}

inline get_unscrubbed(got)
{
    zp_scrub_queue_take(job);
    if
    :: job.slot != NONE ->
        finish_job(job);
        got = job.slot;
        job.slot = NONE;
        if
        :: failed -> zp_retain_let_go(got); got = NONE
        :: !failed
        fi
    :: job.slot == NONE
    fi;
    failed = false;
    waits = false;
    seen = 0;
    job.done = 0;
    job.failed = false
}

inline take_in_state(from, slot)
{
    atomic
    {
        if
        :: state[0] == from -> slot = 0
        :: state[0] != from && state[1] == from -> slot = 1
        :: else -> slot = NONE
        fi;
        if
        :: slot != NONE -> state[slot] = TAKEN
        :: else
        fi
    }
}

// zp_get_slot: of a shard, of the queue, a cold slot
inline get(slot)
{
    take_in_state(POOLED, slot);
    if
    :: slot == NONE -> get_unscrubbed(slot)
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

// zp_put_slot
inline put_slot(slot)
{
    atomic { state[slot] = TAKEN; charged++ }
    put(slot, queued);
    if
    :: queued
    :: !queued -> scrub_whole(slot); share(slot)
    fi;
    queued = false;
    slot = NONE
}

active [PROGRAMS] proctype program()
{
    scrub_job job;
    byte slot = NONE, gets, seen;
    bool queued, failed, waits, timed_out;
    do
    :: gets < GETS ->
        gets++;
        get(slot);
        if
        :: slot != NONE -> put_slot(slot)
        :: slot == NONE
        fi
    :: gets < GETS -> // zp_trim
        gets++;
        zp_scrub_queue_evict(slot);
        if
        :: slot != NONE -> zp_retain_let_go(slot); slot = NONE
        :: slot == NONE
        fi
    :: gets == GETS -> break
    od
}

// zp_put_scrub_part
active proctype helper()
{
    byte slot = NONE, part_slot = NONE, part;
    bool failed, part_failed, hand_over, ended;
    do
    :: true ->
end_idle:
        zp_scrub_queue_part();
        scrub_part();
        part_done(slot, failed);
        if
        :: slot != NONE && failed -> zp_retain_let_go(slot)
        :: slot != NONE && !failed -> assert(dirty[slot] == 0); share(slot)
        :: slot == NONE
        fi;
        slot = NONE;
        failed = false
    od
}

init
{
    timeout;
    byte slot, retained;
    atomic
    {
        assert(hand.slot == NONE && handed.slot == NONE && !wanted && !at_part);
        assert(empty(queue) && buffers == 0);
        for (slot : 0 .. SLOTS - 1) {
            assert(state[slot] == COLD || state[slot] == POOLED);
            retained = retained + (state[slot] == POOLED)
        }
        assert(charged == retained)
    }
}
