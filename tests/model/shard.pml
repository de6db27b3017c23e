// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The shards, the quarantine, the cold slots and the budget: core/shard.c, core/eviction.c and
// core/quarantine.c, and the moves between them in core/retain.c, core/get.c, core/put.c and
// core/reclaim.c.
//
// Two threads, each with a home shard of its own, get and put buffers of two classes, make idle
// ones reclaimable and evict, with the quarantine or without; one that forks takes all locks and
// releases them; the budget shrinks once. Counts and the bits of classes are read without the
// lock, and written in steps of their own. What is done under the quarantine's lock is one step.
//
// Not modelled: which slot a policy evicts, which is any here; thread caches and the scrub queue,
// which have their own models; tails; the loops of core/budget.c, which are a step.
//
// Holds: no slot has two owners, is in two places or in none; counts and bits are right; a shard
// holds no more than its share, except for one that is being made reclaimable; what is charged
// never exceeds the budget, except for what it shrank by, and at the end is what is pooled; all
// locks are free, and no thread waits for ever.
//
// Explored: 4,507,302 states; 12 mutants.

#include "common.pml"

#define SHARDS 2
#define CAPACITY 1
#define SLOTS 3
#define NONE 255

mtype:state state[SLOTS] = COLD;
byte limit = 2, charged; // of the budget, in buffers
bool refusal = true;     // the kernel may once refuse

// With ZEROPOOL_CHECK=full one buffer waits in it.
bool full_check;
chan quarantine = [SLOTS] of { byte };
bool inaccessible[SLOTS];

typedef zp_shard {
    bool lock;
    byte count;
    byte nonempty; // a bit per class
    byte slots;    // a bit for each
}
zp_shard shards[SHARDS];

// Slot 0 is of the shorter class, too short for requests of the longer class, that of 1 and 2.
#define CLASSES(set) (((set) & 1) + 2 * (((set) & 6) > 0))
#define LONGER 2
#define ANY 3
#define SLOTS_OF(classes) ((classes) == ANY -> 7 : 6)

#define SHARD(distance) shards[(home + distance) % SHARDS]

// ---- In a shard, with its lock ---------------------------------------------------------------

inline push(shard, slot)
{
    atomic
    {
        assert(state[slot] == TAKEN && !inaccessible[slot] && !(shard.slots & (1 << slot)));
        state[slot] = POOLED;
        shard.slots = shard.slots | (1 << slot)
    }
    shard.nonempty = CLASSES(shard.slots); // mutant bit_lost: skip;
    shard.count++;
    assert(shard.count <= CAPACITY + 1)
}

// Any slot of these classes; there is one
inline pull(shard, slot, classes)
{
    atomic
    {
        if
        :: shard.slots & SLOTS_OF(classes) & 1 -> slot = 0
        :: shard.slots & SLOTS_OF(classes) & 2 -> slot = 1
        :: shard.slots & SLOTS_OF(classes) & 4 -> slot = 2
        fi;
        assert(state[slot] == POOLED);
        state[slot] = TAKEN;
        shard.slots = shard.slots & ~(1 << slot)
    }
    shard.nonempty = CLASSES(shard.slots); // mutant bit_of_all: shard.nonempty = shard.nonempty * (shard.slots != 0);
    shard.count--
}

// ---- Getting from the shards -----------------------------------------------------------------

inline try_lock(mutex, taken)
{
    atomic { taken = !mutex; mutex = true }
}

// take_round
inline take_round(wait)
{
    distance = 0;
    do
    :: distance == SHARDS || slot != NONE -> break
    :: distance < SHARDS && slot == NONE && !(SHARD(distance).nonempty & wish) -> distance++
    :: distance < SHARDS && slot == NONE && SHARD(distance).nonempty & wish ->
        try_lock(SHARD(distance).lock, taken); // mutant not_locked: taken = true;
        if
        :: !taken && !wait -> busy = true
        :: !taken && wait -> take_lock(SHARD(distance).lock); taken = true
        :: taken
        fi;
        if
        :: taken ->
            if
            :: SHARD(distance).nonempty & wish -> // mutant not_looked_again: :: true ->
                pull(SHARD(distance), slot, wish)
            :: !(SHARD(distance).nonempty & wish)
            fi;
            release_lock(SHARD(distance).lock)
        :: !taken
        fi;
        distance++
    od
}

inline zp_shards_take()
{
    take_round(false);
    if
    :: slot == NONE && busy -> take_round(true)
    :: else
    fi
}

// zp_shards_evict; zp_shards_take_idle does the same
inline zp_shards_evict(slot)
{
    slot = NONE; distance = 0;
    do
    :: distance == SHARDS || slot != NONE -> break
    :: distance < SHARDS && slot == NONE && SHARD(distance).count == 0 -> distance++
    :: distance < SHARDS && slot == NONE && SHARD(distance).count != 0 ->
        take_lock(SHARD(distance).lock);
        if
        :: SHARD(distance).count != 0 -> // mutant evicted_blindly: :: true ->
            pull(SHARD(distance), slot, ANY)
        :: SHARD(distance).count == 0
        fi;
        release_lock(SHARD(distance).lock);
        distance++
    od
}

// ---- Putting into the shards -----------------------------------------------------------------

inline put_without_waiting(shard)
{
    if
    :: shard.count < CAPACITY ->
        try_lock(shard.lock, taken);
        if
        :: taken ->
            if
            :: shard.count < CAPACITY -> // mutant overfilled: :: true ->
                push(shard, slot);
                assert(shard.count <= CAPACITY);
                slot = NONE
            :: shard.count >= CAPACITY
            fi;
            release_lock(shard.lock) // mutant lock_kept: skip
        :: !taken
        fi
    :: shard.count >= CAPACITY
    fi
}

// zp_shards_put: `slot` becomes the one that was evicted for it, or NONE
inline zp_shards_put()
{
    put_without_waiting(SHARD(0));
    if
    :: slot != NONE -> put_without_waiting(SHARD(1))
    :: slot == NONE
    fi;
    if
    :: slot != NONE ->
        take_lock(SHARD(0).lock);
        if
        :: SHARD(0).count >= CAPACITY -> pull(SHARD(0), evicted, ANY)
        :: SHARD(0).count < CAPACITY -> evicted = NONE
        fi;
        push(SHARD(0), slot);
        release_lock(SHARD(0).lock);
        slot = evicted
    :: slot == NONE
    fi
}

// ---- Retaining -------------------------------------------------------------------------------

inline zp_decommit(slot)
{
    atomic
    {
        assert(state[slot] == TAKEN);
        if
        :: state[slot] = COLD; inaccessible[slot] = false
        :: refusal -> refusal = false; state[slot] = RETIRED // mutant emptied_in_place: :: refusal -> refusal = false; state[slot] = COLD
        fi;
        slot = NONE
    }
}

inline zp_retain_let_go(slot)
{
    charged--; // mutant eviction_charged: skip;
    zp_decommit(slot)
}

inline quarantine_take(most, slot)
{
    atomic
    {
        if
        :: len(quarantine) > most -> quarantine?slot; state[slot] = TAKEN
        :: else -> slot = NONE
        fi
    }
}

inline evict_one(slot)
{
    zp_shards_evict(slot);
    if
    :: slot == NONE && full_check -> quarantine_take(0, slot)
    :: else
    fi
}

inline zp_retain_charge(done)
{
    done = false;
    do
    :: atomic
        {
            charged < limit -> // mutant charged_blindly: true ->
            charged++; assert(charged <= limit); done = true
        }
        break
    :: charged >= limit ->
        evict_one(evicted);
        if
        :: evicted != NONE -> zp_retain_let_go(evicted)
        :: evicted == NONE -> break
        fi
    od
}

inline zp_retain_pool()
{
    zp_shards_put();
    if
    :: slot != NONE -> zp_retain_let_go(slot)
    :: slot == NONE
    fi
}

// zp_put_slot, with keep_in_quarantine or without
inline put()
{
    state[slot] = TAKEN;
    zp_retain_charge(taken);
    if
    :: taken && full_check ->
        inaccessible[slot] = true;
        atomic { quarantine!slot; state[slot] = QUARANTINED }
        quarantine_take(1, slot);
        if
        :: slot != NONE ->
            inaccessible[slot] = false; // mutant left_inaccessible: skip;
            zp_retain_pool()
        :: slot != NONE && refusal -> refusal = false; zp_retain_let_go(slot)
        :: slot == NONE
        fi
    :: taken && !full_check -> zp_retain_pool()
    :: !taken -> zp_decommit(slot)
    fi
}

// zp_get_slot
inline get()
{
    if
    :: wish = ANY
    :: wish = LONGER
    fi;
    zp_shards_take();
    if
    :: slot != NONE -> charged--
    :: slot == NONE -> take_cold()
    fi;
    if
    :: slot != NONE ->
        atomic { assert(state[slot] == TAKEN && !inaccessible[slot]); state[slot] = LIVE }
    :: slot == NONE
    fi
}

// zp_arena_take, under the region's lock
inline take_cold()
{
    atomic
    {
        if
        :: state[0] == COLD -> slot = 0; state[0] = TAKEN
        :: state[1] == COLD -> slot = 1; state[1] = TAKEN
        :: state[2] == COLD -> slot = 2; state[2] = TAKEN
        :: else
        fi
    }
}

// zp_reclaim_idle
inline reclaim_idle()
{
    zp_shards_evict(evicted); // zp_shards_take_unreclaimable
    if
    :: evicted != NONE ->
        take_lock(SHARD(distance - 1).lock);
        push(SHARD(distance - 1), evicted); // mutant not_put_back: skip;
        release_lock(SHARD(distance - 1).lock);
        evicted = NONE
    :: evicted == NONE
    fi
}

// zp_trim
inline trim()
{
    evict_one(evicted);
    if
    :: evicted != NONE -> zp_retain_let_go(evicted)
    :: evicted == NONE
    fi
}

proctype program(byte home, most)
{
    byte slot = NONE, evicted = NONE, distance, operations, wish;
    bool taken, busy;
    do
    :: operations == most -> break
    :: operations < most ->
        operations++;
        if
        :: slot != NONE -> put()
        :: slot == NONE -> get()
        :: slot == NONE -> reclaim_idle()
        :: slot == NONE -> trim()
        fi;
        distance = 0; taken = false; busy = false; wish = 0
    od
}

// zp_fork_prepare and zp_fork_parent, as far as the shards go; and a cgroup's limit falls
proctype forking_program()
{
    take_lock(shards[0].lock);
    take_lock(shards[1].lock);
    limit = 1;
    release_lock(shards[1].lock);
    release_lock(shards[0].lock)
}

init
{
    byte slot, pooled, quarantined;
    atomic
    {
        state[1] = TAKEN; push(shards[0], 1); // two are pooled, one is cold
        state[2] = TAKEN; push(shards[1], 2);
        charged = 2;
        select (full_check : 0 .. 1);
        run program(0, 3);
        run program(1, 2);
        run forking_program()
    }
    timeout;
    atomic
    {
        for (slot : 0 .. SLOTS - 1) {
            assert(state[slot] != TAKEN);
            assert((state[slot] == POOLED) ==
                   ((shards[0].slots >> slot & 1) + (shards[1].slots >> slot & 1)));
            pooled = pooled + (state[slot] == POOLED);
            quarantined = quarantined + (state[slot] == QUARANTINED)
        }
        assert(charged == pooled + quarantined && len(quarantine) == quarantined);
        assert(shards[0].count + shards[1].count == pooled);
        assert(shards[0].nonempty == CLASSES(shards[0].slots));
        assert(shards[1].nonempty == CLASSES(shards[1].slots));
        assert(!shards[0].lock && !shards[1].lock)
    }
}
