// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The scrub queue: freed buffers that wait to be scrubbed, first in, first out.
//
// With ZEROPOOL_ZERO=background a freed buffer waits here until the helper has made it zero, part
// by part. A request that finds nothing clean takes one from here and scrubs it itself. If only the
// buffer that the helper has in hand would do, the helper hands it over at the end of its part, and
// the request scrubs the rest (tests/model/scrub_queue.pml).
//
// Always holds: a slot in the queue, in the helper's hand or handed over is PENDING and charged to
// the budget; when it is taken it is TAKEN and still charged. The bytes in the queue never exceed
// the limit set at start: beyond that the freeing thread scrubs.
//
// Locking: one lock (ZP_RANK_QUEUE), held for a few list operations.
// Fork: what is queued, in hand or handed over is excluded from the child as pooled buffers are
// (fork.h).

#ifndef ZP_CORE_SCRUB_QUEUE_H
#define ZP_CORE_SCRUB_QUEUE_H

#include "scrub.h"
#include "slot.h"

// A buffer that is being scrubbed.
struct zp_scrub_job {
    struct zp_slot *slot;
    size_t done; // bytes from the start that are zero
    struct zp_scrub_result result;
    bool failed; // the kernel refused
};

// A part of it.
struct zp_scrub_part {
    struct zp_slot *slot;
    size_t at, bytes;
    struct zp_scrub_result result;
    bool failed;
};

// Adds what was done of a part.
void zp_scrub_job_add(struct zp_scrub_job *job, const struct zp_scrub_part *part);

// So many bytes may wait; 0: none. Called once, before anything else here.
void zp_scrub_queue_init(size_t bytes);

// From now on nothing more is queued: there is no helper.
void zp_scrub_queue_close(void);

// Whether anything may wait.
bool zp_scrub_queue_is_open(void);

// Puts a TAKEN, charged slot that the thread with this home shard freed; false if there is no room.
bool zp_scrub_queue_put(struct zp_slot *slot, unsigned home);

// Takes a slot of a pool that serves a request of `size` bytes, up to the class `last`, with the
// progress of its scrubbing. Waits for the end of a part if only the one in hand would do, for 2 ms
// at most. False if there is none.
bool zp_scrub_queue_take(unsigned pool, size_t size, unsigned last, struct zp_scrub_job *job);

// Takes the slot that has waited longest, not the one in hand; NULL if there is none. The second
// takes one of a pool.
struct zp_slot *zp_scrub_queue_evict(void);
struct zp_slot *zp_scrub_queue_evict_of(unsigned pool);

// Bytes in the queue and in hand; a hint while other threads work.
size_t zp_scrub_queue_bytes(void);

// For the helper: the next part of the slot in hand, or of the next of the queue if there is none
// in hand. False if there is nothing to do.
bool zp_scrub_queue_part(struct zp_scrub_part *part);

// For the helper: a part is done. True if it was the last one of a slot that no request has taken
// over: the result goes to `*job`, and the slot is the caller's.
bool zp_scrub_queue_part_done(const struct zp_scrub_part *part, struct zp_scrub_job *job);

// Fork: takes and releases the lock; the third makes the queue empty in the child.
void zp_scrub_queue_lock(void);
void zp_scrub_queue_unlock(void);
void zp_scrub_queue_reset(void);

// Calls `visit` for every slot that is queued, in hand or handed over; the lock is held.
void zp_scrub_queue_visit(void (*visit)(struct zp_slot *slot));

#endif
