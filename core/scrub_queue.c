// SPDX-License-Identifier: MIT OR Apache-2.0

#include "scrub_queue.h"

#include "eviction.h"
#include "lock.h"
#include "os.h"
#include "size_class.h"

#include <string.h>

// What is scrubbed at a time: 40 us, for which a fork or who has joined may wait.
#define PART (2 * ZP_MIB)

// If the helper has no CPU for so long, fresh memory is the better choice.
enum { JOIN_WAIT_MS = 2 };

static struct {
    struct zp_lock lock;
    size_t most;
    size_t bytes;                             // may be read without the lock
    struct zp_queue all;                      // by ZP_ORDER_ARRIVAL
    struct zp_queue of_class[ZP_CLASS_COUNT]; // by ZP_ORDER_RECENCY
    struct zp_scrub_job hand;                 // the helper's
    // What was in hand when a request joined. The helper takes nothing into its hand before all of
    // this is claimed.
    struct zp_scrub_job joint;
    uint32_t ends; // of joint jobs: what who has joined waits on
} queue;

void zp_scrub_queue_init(size_t bytes)
{
    zp_lock_init(&queue.lock, ZP_RANK_QUEUE);
    queue.most = bytes;
}

static size_t most(void)
{
    return __atomic_load_n(&queue.most, __ATOMIC_RELAXED);
}

void zp_scrub_queue_close(void)
{
    __atomic_store_n(&queue.most, 0, __ATOMIC_RELAXED);
}

static void set_bytes(size_t bytes)
{
    __atomic_store_n(&queue.bytes, bytes, __ATOMIC_SEQ_CST); // helper.c: sleeping
}

size_t zp_scrub_queue_bytes(void)
{
    return __atomic_load_n(&queue.bytes, __ATOMIC_SEQ_CST);
}

bool zp_scrub_queue_put(struct zp_slot *slot, unsigned home)
{
    if (most() == 0)
        return false;
    zp_lock_take(&queue.lock);
    bool room = queue.bytes + slot->committed <= most();
    if (room) {
        slot->state = ZP_SLOT_PENDING;
        slot->shard = (uint8_t)home;
        zp_queue_add(&queue.all, ZP_ORDER_ARRIVAL, slot);
        zp_queue_add(&queue.of_class[slot->size_class], ZP_ORDER_RECENCY, slot);
        set_bytes(queue.bytes + slot->committed);
    }
    zp_lock_release(&queue.lock);
    return room;
}

static void remove_locked(struct zp_slot *slot)
{
    zp_queue_remove(&queue.all, ZP_ORDER_ARRIVAL, slot);
    zp_queue_remove(&queue.of_class[slot->size_class], ZP_ORDER_RECENCY, slot);
}

// Takes a slot away from the queue, or from the hand.
static void take_away(struct zp_slot *slot)
{
    set_bytes(queue.bytes - slot->committed);
    slot->state = ZP_SLOT_TAKEN;
}

static struct zp_slot *find(unsigned first, unsigned last)
{
    for (unsigned c = first; c <= last; c++)
        if (queue.of_class[c].oldest != NULL)
            return queue.of_class[c].oldest;
    return NULL;
}

static bool is_of_class(const struct zp_slot *slot, unsigned first, unsigned last)
{
    return slot != NULL && slot->size_class >= first && slot->size_class <= last;
}

static enum zp_scrub_find take_locked(unsigned first, unsigned last, struct zp_slot **slot)
{
    *slot = find(first, last);
    if (*slot != NULL) {
        remove_locked(*slot);
        take_away(*slot);
        return ZP_SCRUB_TAKEN;
    }
    if (queue.joint.slot != NULL || !is_of_class(queue.hand.slot, first, last))
        return ZP_SCRUB_NONE;
    queue.joint = queue.hand;
    queue.hand.slot = NULL;
    *slot = queue.joint.slot;
    return ZP_SCRUB_JOINED;
}

enum zp_scrub_find zp_scrub_queue_take(unsigned first, unsigned last, struct zp_slot **slot)
{
    if (zp_scrub_queue_bytes() == 0)
        return ZP_SCRUB_NONE;
    zp_lock_take(&queue.lock);
    enum zp_scrub_find found = take_locked(first, last, slot);
    zp_lock_release(&queue.lock);
    return found;
}

struct zp_slot *zp_scrub_queue_evict(void)
{
    if (zp_scrub_queue_bytes() == 0)
        return NULL;
    zp_lock_take(&queue.lock);
    struct zp_slot *slot = queue.all.oldest;
    if (slot != NULL) {
        remove_locked(slot);
        take_away(slot);
    }
    zp_lock_release(&queue.lock);
    return slot;
}

// ---- Parts -----------------------------------------------------------------------------------

static bool is_claimed(const struct zp_scrub_job *job)
{
    return job->slot == NULL || job->claimed == job->slot->committed;
}

static bool claim(struct zp_scrub_job *job, struct zp_scrub_part *part)
{
    if (is_claimed(job))
        return false;
    size_t rest = job->slot->committed - job->claimed;
    size_t bytes = rest < PART ? rest : PART;
    *part = (struct zp_scrub_part){.slot = job->slot, .at = job->claimed, .bytes = bytes};
    job->claimed += bytes;
    return true;
}

static void fill_hand(void)
{
    if (queue.hand.slot != NULL || queue.all.oldest == NULL)
        return;
    queue.hand = (struct zp_scrub_job){.slot = queue.all.oldest};
    remove_locked(queue.hand.slot);
}

bool zp_scrub_queue_part(struct zp_scrub_part *part)
{
    zp_lock_take(&queue.lock);
    bool any = claim(&queue.joint, part);
    if (!any) {
        fill_hand();
        any = claim(&queue.hand, part);
    }
    zp_lock_release(&queue.lock);
    return any;
}

static void add_part(struct zp_scrub_job *job, const struct zp_scrub_part *part)
{
    job->done += part->bytes;
    job->result.written += part->result.written;
    job->result.kept += part->result.kept;
    job->result.dropped += part->result.dropped;
    job->failed |= part->failed;
}

// Ends a job whose last part is done.
static bool end(struct zp_scrub_job *from, struct zp_scrub_job *job)
{
    if (from->done < from->slot->committed)
        return false;
    take_away(from->slot);
    *job = *from;
    from->slot = NULL;
    return true;
}

bool zp_scrub_queue_part_done(const struct zp_scrub_part *part, struct zp_scrub_job *job)
{
    zp_lock_take(&queue.lock);
    bool joint = part->slot == queue.joint.slot;
    add_part(joint ? &queue.joint : &queue.hand, part);
    bool ended = joint && queue.joint.done == part->slot->committed;
    bool ours = !joint && end(&queue.hand, job);
    if (ended)
        __atomic_fetch_add(&queue.ends, 1, __ATOMIC_RELAXED);
    zp_lock_release(&queue.lock);
    if (ended)
        zp_os_wake(&queue.ends);
    return ours;
}

bool zp_scrub_queue_join_part(struct zp_scrub_part *part)
{
    zp_lock_take(&queue.lock);
    bool any = claim(&queue.joint, part);
    zp_lock_release(&queue.lock);
    return any;
}

// Who gives up finds the helper at the last part of what was joint, with nothing else in hand.
static bool join_end(struct zp_scrub_job *job, bool give_up)
{
    zp_lock_take(&queue.lock);
    bool ended = end(&queue.joint, job);
    if (!ended && give_up) {
        queue.hand = queue.joint;
        queue.joint.slot = NULL;
    }
    zp_lock_release(&queue.lock);
    return ended;
}

bool zp_scrub_queue_join_end(struct zp_scrub_job *job)
{
    uint32_t ends = __atomic_load_n(&queue.ends, __ATOMIC_RELAXED);
    if (join_end(job, false))
        return true;
    zp_os_wait(&queue.ends, ends, JOIN_WAIT_MS);
    return join_end(job, true);
}

void zp_scrub_queue_lock(void)
{
    zp_lock_take(&queue.lock);
}

void zp_scrub_queue_unlock(void)
{
    zp_lock_release(&queue.lock);
}

void zp_scrub_queue_visit(void (*visit)(struct zp_slot *slot))
{
    zp_queue_visit(&queue.all, ZP_ORDER_ARRIVAL, visit);
    if (queue.hand.slot != NULL)
        visit(queue.hand.slot);
    if (queue.joint.slot != NULL)
        visit(queue.joint.slot);
}

void zp_scrub_queue_reset(void)
{
    size_t kept = queue.most;
    memset(&queue, 0, sizeof(queue));
    zp_scrub_queue_init(kept);
}
