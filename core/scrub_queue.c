// SPDX-License-Identifier: MIT OR Apache-2.0

#include "scrub_queue.h"

#include "arena.h"
#include "list.h"
#include "lock.h"
#include "os.h"
#include "size_class.h"

#include <string.h>

// Bytes in a part: 40 us, for which a fork or a request may wait.
#define PART (2 * ZP_MIB)

// If the helper gets no CPU for so long, fresh memory is faster.
enum { HAND_OVER_MS = 2 };

static struct {
    struct zp_lock lock;
    size_t most;
    size_t bytes;                            // may be read without the lock
    struct zp_list all;                      // by ZP_ORDER_ARRIVAL
    struct zp_list of_class[ZP_CLASS_COUNT]; // by ZP_ORDER_CLASS
    struct zp_scrub_job hand;                // what the helper scrubs
    bool at_part;                            // it is working on a part of it
    bool wanted;                             // a request waits for it
    struct zp_scrub_job handed;              // handed over to that request
    uint32_t hand_overs;                     // the word that the request waits on
} queue;

// What is looked for: at least `size` bytes, of the class `last` at most.
struct request {
    unsigned pool;
    size_t size;
    unsigned last;
};

// How many of the oldest slots of a class are compared: some may be of other pools.
enum { LOOKS = 8 };

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

bool zp_scrub_queue_is_open(void)
{
    return most() != 0;
}

static void set_bytes(size_t bytes)
{
    __atomic_store_n(&queue.bytes, bytes, __ATOMIC_SEQ_CST); // before `sleeping` is read: helper.c
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
    bool room = queue.bytes + slot->usable <= most();
    if (room) {
        zp_slot_step(slot, ZP_SLOT_PENDING);
        slot->shard = (uint8_t)home;
        zp_list_add(&queue.all, ZP_ORDER_ARRIVAL, slot);
        zp_list_add(&queue.of_class[zp_class_of(slot->usable)], ZP_ORDER_CLASS, slot);
        set_bytes(queue.bytes + slot->usable);
    }
    zp_lock_release(&queue.lock);
    return room;
}

static void remove_locked(struct zp_slot *slot)
{
    zp_list_remove(&queue.all, ZP_ORDER_ARRIVAL, slot);
    zp_list_remove(&queue.of_class[zp_class_of(slot->usable)], ZP_ORDER_CLASS, slot);
}

// A slot that was removed from the queue or the hand becomes the caller's.
static void take_away(struct zp_slot *slot)
{
    set_bytes(queue.bytes - slot->usable);
    zp_slot_step(slot, ZP_SLOT_TAKEN);
}

// Whether a slot can serve a request.
static bool serves(const struct zp_slot *slot, const struct request *request)
{
    if (slot == NULL || slot->pool != request->pool || zp_arena_capacity(slot) < request->size)
        return false;
    unsigned size_class = zp_class_of(slot->usable);
    return size_class >= zp_class_of(request->size) && size_class <= request->last;
}

static struct zp_slot *find(const struct request *request)
{
    for (unsigned c = zp_class_of(request->size); c <= request->last; c++) {
        struct zp_slot *slot = queue.of_class[c].oldest;
        for (unsigned i = 0; slot != NULL && i < LOOKS; i++) {
            if (serves(slot, request))
                return slot;
            slot = slot->links[ZP_ORDER_CLASS].newer;
        }
    }
    return NULL;
}

static bool take_queued(const struct request *request, struct zp_scrub_job *job)
{
    *job = (struct zp_scrub_job){.slot = find(request)};
    if (job->slot == NULL)
        return false;
    remove_locked(job->slot);
    take_away(job->slot);
    return true;
}

// Takes what the helper has in hand: at once if it is between two parts; else asks for the
// hand-over. One request at a time may wait for one.
static bool take_hand(const struct request *request, struct zp_scrub_job *job)
{
    if (queue.wanted || queue.handed.slot != NULL || !serves(queue.hand.slot, request))
        return false;
    if (queue.at_part) {
        queue.wanted = true;
        return false;
    }
    *job = queue.hand;
    queue.hand.slot = NULL;
    take_away(job->slot);
    return true;
}

// Waits for the hand-over; false if it takes too long. After a time-out it looks as well: the
// helper may have handed over just then.
static bool await_hand_over(uint32_t hand_overs, struct zp_scrub_job *job)
{
    zp_os_wait(&queue.hand_overs, hand_overs, HAND_OVER_MS);
    zp_lock_take(&queue.lock);
    *job = queue.handed;
    queue.handed.slot = NULL;
    queue.wanted = false;
    if (job->slot != NULL)
        take_away(job->slot);
    zp_lock_release(&queue.lock);
    return job->slot != NULL;
}

bool zp_scrub_queue_take(unsigned pool, size_t size, unsigned last, struct zp_scrub_job *job)
{
    if (zp_scrub_queue_bytes() == 0)
        return false;
    zp_lock_take(&queue.lock);
    struct request request = {pool, size, last};
    bool wanted_before = queue.wanted;
    bool found = take_queued(&request, job) || take_hand(&request, job);
    bool waits = !found && queue.wanted && !wanted_before;
    uint32_t hand_overs = queue.hand_overs;
    zp_lock_release(&queue.lock);
    return waits ? await_hand_over(hand_overs, job) : found;
}

static struct zp_slot *evict(unsigned pool, bool any)
{
    if (zp_scrub_queue_bytes() == 0)
        return NULL;
    zp_lock_take(&queue.lock);
    struct zp_slot *slot = queue.all.oldest;
    while (slot != NULL && !any && slot->pool != pool)
        slot = slot->links[ZP_ORDER_ARRIVAL].newer;
    if (slot != NULL) {
        remove_locked(slot);
        take_away(slot);
    }
    zp_lock_release(&queue.lock);
    return slot;
}

struct zp_slot *zp_scrub_queue_evict(void)
{
    return evict(0, true);
}

struct zp_slot *zp_scrub_queue_evict_of(unsigned pool)
{
    return evict(pool, false);
}

// ---- Parts -----------------------------------------------------------------------------------

bool zp_scrub_queue_part(struct zp_scrub_part *part)
{
    zp_lock_take(&queue.lock);
    if (queue.hand.slot == NULL && queue.all.oldest != NULL) {
        queue.hand = (struct zp_scrub_job){.slot = queue.all.oldest};
        remove_locked(queue.hand.slot);
    }
    const struct zp_scrub_job *hand = &queue.hand;
    bool any = hand->slot != NULL;
    if (any) {
        size_t rest = hand->slot->committed - hand->done;
        *part = (struct zp_scrub_part){
            .slot = hand->slot, .at = hand->done, .bytes = rest < PART ? rest : PART};
    }
    queue.at_part = any;
    zp_lock_release(&queue.lock);
    return any;
}

void zp_scrub_job_add(struct zp_scrub_job *job, const struct zp_scrub_part *part)
{
    job->done += part->bytes;
    job->result.written += part->result.written;
    job->result.kept += part->result.kept;
    job->result.dropped += part->result.dropped;
    job->result.us += part->result.us;
    job->failed |= part->failed;
}

bool zp_scrub_queue_part_done(const struct zp_scrub_part *part, struct zp_scrub_job *job)
{
    zp_lock_take(&queue.lock);
    zp_scrub_job_add(&queue.hand, part);
    queue.at_part = false;
    bool hand_over = queue.wanted, ended = queue.hand.done == part->slot->committed;
    if (hand_over) {
        queue.handed = queue.hand;
        queue.wanted = false;
        queue.hand_overs++;
    } else if (ended) {
        take_away(part->slot);
        *job = queue.hand;
    }
    if (hand_over || ended)
        queue.hand.slot = NULL;
    zp_lock_release(&queue.lock);
    if (hand_over)
        zp_os_wake(&queue.hand_overs);
    return ended && !hand_over;
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
    zp_list_visit(&queue.all, ZP_ORDER_ARRIVAL, visit);
    if (queue.hand.slot != NULL)
        visit(queue.hand.slot);
    if (queue.handed.slot != NULL)
        visit(queue.handed.slot);
}

void zp_scrub_queue_reset(void)
{
    size_t kept = queue.most;
    memset(&queue, 0, sizeof(queue));
    zp_scrub_queue_init(kept);
}
