// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A slot: a fixed place in the arena for one buffer, and its life cycle.
//
//                            +---------+   hand out    +--------+
//       zp_arena_take        |         | ------------> |        |
//   COLD ------------------> |         |   free        |  LIVE  |
//    ^                       |         | <------------ |        |
//    |  decommitted          |         |               +--------+
//    +---------------------- |  TAKEN  |   keep            | free and malloc
//                            |         | ------------> +--------+
//   RETIRED <--------------- |         |   flush       | CACHED | <-> LIVE: the fast paths
//     the kernel refused     |         | <------------ +--------+
//                            |         |
//                            |         | <-----------> POOLED       in a shard
//                            |         | <-----------> PENDING      the helper's
//                            +---------+ <-----------> QUARANTINED  freed and inaccessible
//
// Always holds:
//   - A slot has one owner at a time, named by its state. Only the owner changes the record, except
//     for the links, which belong to the lock of their list.
//   - The state changes in zp_slot_step alone; slot.c has the table of allowed steps.
//   - A COLD slot has no memory. `usable <= committed <= capacity`, all multiples of the page size.
//   - What lies between `usable` and `committed` is the tail: memory that the owner did not ask
//     for. It is zero if freed buffers are made zero, and it is charged to the budget.
//   - The `content` of a LIVE slot is what it was when it was handed out.
//
// The record lies in a table outside the arena: nothing is written into a pooled buffer, and an
// overrun of a buffer does not reach the record.
//
// Locking: the record is read and written without atomics. It passes between threads under the lock
// of a list, or when the program passes its buffer on. A program that frees a buffer in two threads
// at once therefore races here; that is found at the latest when the slot would be handed out a
// second time.
//
// Fork: see fork.h.

#ifndef ZP_CORE_SLOT_H
#define ZP_CORE_SLOT_H

#include "base.h"

enum zp_slot_state {
    ZP_SLOT_COLD,        // on its region's list, or never used
    ZP_SLOT_TAKEN,       // between two places; one thread works on it
    ZP_SLOT_LIVE,        // the program's
    ZP_SLOT_CACHED,      // in a thread cache
    ZP_SLOT_POOLED,      // in a shard
    ZP_SLOT_PENDING,     // the helper's: waits to be scrubbed, or is being prewarmed
    ZP_SLOT_QUARANTINED, // freed and inaccessible (quarantine.h)
    ZP_SLOT_RETIRED,     // the kernel refused to give or take its memory; never used again
    ZP_SLOT_STATES,
};

// What is known of the bytes of a slot.
enum zp_content {
    ZP_CONTENT_DIRTY,    // as its last owner left it
    ZP_CONTENT_ZERO,     // every byte reads as zero; at most `warm` pages are known to be in memory
    ZP_CONTENT_RESIDENT, // and every committed page was in memory when that was last looked at
};

// What is known of its mapping. Whether a fork shares its pages follows from `epoch`.
enum zp_mapping {
    ZP_MAPPING_PLAIN,    // as the pool made it
    ZP_MAPPING_CHANGED,  // its protection or advice was changed: replaced when it is decommitted
    ZP_MAPPING_DONTFORK, // MADV_DONTFORK, which the fork that set it has not undone
};

// Never the arena's epoch (arena.h): the pages count as shared.
#define ZP_EPOCH_NONE 0

// How much of a retained slot was given MADV_FREE: the kernel may take these pages at any time.
// Between HUGE and ALL: the number of steps done of a slot that takes several (reclaim.c).
enum zp_reclaimable {
    ZP_RECLAIMABLE_NONE,
    ZP_RECLAIMABLE_HUGE, // what lies in whole huge pages
    ZP_RECLAIMABLE_ALL = UINT8_MAX,
};

// Where realloc put fresh pages behind moved ones, the kernel keeps two mappings. A slot remembers
// up to this many such seams, because a later move works on one mapping at a time.
enum { ZP_SLOT_SEAMS = 8 };

// The lists that a slot can be in at once.
enum zp_order {
    ZP_ORDER_CLASS,   // of a size class in a shard or a queue; of cold slots in a region
    ZP_ORDER_ARRIVAL, // of all slots of a shard or a queue
    ZP_ORDER_COUNT,
};

struct zp_link {
    struct zp_slot *newer, *older;
};

// A thread's own cache reads and writes the first cache line alone: with many buffers the second
// comes from memory, or from another CPU (docs/decisions.md, decision 65).
struct zp_slot {
    char *base;       // first byte; a multiple of the region's stride; set once
    char *start;      // what its owner is given, or was: a few cache lines behind base (spread.h)
    size_t usable;    // bytes from base that are its owner's: what was asked for, in whole pages
    size_t committed; // bytes that are readable and writable
    void *freed_by;   // return address of the last free (stack.h)
    uint32_t epoch;   // the arena's when its pages were last known to be unshared, or ZP_EPOCH_NONE
    uint32_t warm;    // pages known to be in memory while its content was last zero
    uint8_t state;    // enum zp_slot_state
    uint8_t region;   // index; set once
    uint8_t content;  // enum zp_content
    uint8_t mapping;  // enum zp_mapping
    uint8_t reclaimable; // enum zp_reclaimable
    uint8_t pool;        // that it was taken for (pools.h)
    uint8_t group;       // of NUMA nodes: that of the thread it was fetched for (placement.h)
    bool packed : 1;     // side by side with its neighbours (arena.h); set once
    bool open : 1;       // packed: its stride has been made accessible
    bool guard : 1;      // packed: a guard marker lies behind the committed bytes
    bool huge : 1;       // huge pages are advised for it
    bool readonly : 1;   // LIVE, and nobody may write to it (readonly.h)
    bool reserved : 1;   // it begins with reserved huge pages (reserved.h)
    bool pinned : 1;     // its pages are locked in memory (pin.h)
    union {
        struct zp_link links[ZP_ORDER_COUNT]; // in every state but TAKEN and LIVE
        struct {                              // LIVE
            uint64_t born;                    // bytes that its thread had requested before it
            size_t filled;                    // bytes read into it from files (fill.h)
            uint32_t references;              // readonly: how many owners it has
            uint32_t writable_epoch;          // readonly: its epoch when it became that
        };
    };
    uint32_t since;                // when it became idle, in milliseconds of the clock
    uint32_t seams[ZP_SLOT_SEAMS]; // in pages from the start, ascending
    uint8_t seam_count;            // entries of `seams`
    uint8_t shard; // POOLED: the one of its pool that it is in; PENDING: that it will go to
} __attribute__((aligned(ZP_CACHE_LINE)));

_Static_assert(sizeof(struct zp_slot) == (size_t)2 * ZP_CACHE_LINE,
               "a slot record is two cache lines");
_Static_assert(offsetof(struct zp_slot, born) + sizeof(uint64_t) == ZP_CACHE_LINE,
               "the thread's cache needs the first alone");

// Whether the table of steps allows one.
bool zp_slot_may_step(enum zp_slot_state from, enum zp_slot_state to);

// The only function that changes a state.
static inline void zp_slot_step(struct zp_slot *slot, enum zp_slot_state to)
{
    assert(zp_slot_may_step((enum zp_slot_state)slot->state, to));
    slot->state = (uint8_t)to;
}

static inline bool zp_slot_is_zero(const struct zp_slot *slot)
{
    return slot->content != ZP_CONTENT_DIRTY;
}

// Whether it has no page in memory, as far as is known.
static inline bool zp_slot_is_empty(const struct zp_slot *slot)
{
    return slot->content == ZP_CONTENT_ZERO && slot->warm == 0;
}

// Notes that no page is in memory.
static inline void zp_slot_set_empty(struct zp_slot *slot)
{
    slot->content = ZP_CONTENT_ZERO;
    slot->warm = 0;
    slot->reclaimable = ZP_RECLAIMABLE_NONE;
}

// The smallest page there is. A start is less than that behind its base, which is a multiple of it.
#define ZP_LEAST_PAGE (4 * ZP_KIB)

static inline size_t zp_slot_offset(const struct zp_slot *slot)
{
    return (size_t)(slot->start - slot->base);
}

// Bytes that its owner may use.
static inline size_t zp_slot_room(const struct zp_slot *slot)
{
    return slot->usable - zp_slot_offset(slot);
}

// Bytes of the tail.
static inline size_t zp_slot_tail(const struct zp_slot *slot)
{
    return slot->committed - slot->usable;
}

// Notes that the program changed its mapping: it is not kept when it is freed.
static inline void zp_slot_note_change(struct zp_slot *slot)
{
    slot->mapping = ZP_MAPPING_CHANGED;
    slot->epoch = ZP_EPOCH_NONE; // so that a put checks the epoch alone
}

#endif
