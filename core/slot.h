// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is known of a slot, kept in a table outside the buffers: nothing is ever written into a
// pooled buffer, and an overrun of one cannot reach this.
//
// Always holds:
//   - A slot has one owner at a time, named by its state; only the owner touches the record, but
//   for
//     the links and the words of eviction, which belong to the lock of the slot's shard.
//   - COLD slots hold no pages. `clean` is true of every slot whose every byte reads as zero.
//   - `base` and `packed` are written once, when the slot is first taken; a record that never was
//   is
//     all zeros.
//   - `committed` does not change while the program owns the buffer, but by realloc: it is what
//     malloc_usable_size answers and what scrubbing covers.
//
// Locking: the state is read and written plainly, without atomics. A record passes between threads
// under the lock of a region or a shard, or by the program handing over its buffer. A program that
// frees twice from two threads at once therefore races here; that is found at the latest when the
// slot would be handed out a second time.
//
// Fork: see fork.h.

#ifndef ZP_CORE_SLOT_H
#define ZP_CORE_SLOT_H

#include "base.h"

enum zp_slot_state {
    ZP_SLOT_COLD,        // on its region's list, or never used
    ZP_SLOT_TAKEN,       // between two owners, in the hands of one thread of ours
    ZP_SLOT_LIVE,        // the program's
    ZP_SLOT_CACHED,      // in a thread cache
    ZP_SLOT_POOLED,      // in a shard
    ZP_SLOT_PENDING,     // the helper's: waits to be scrubbed, or is being made ready
    ZP_SLOT_QUARANTINED, // freed and inaccessible (quarantine.h)
    ZP_SLOT_RETIRED,     // the kernel refused to give or take its memory; never used again
};

// How much of a pooled buffer is marked MADV_FREE: the kernel may take those pages at any time.
// Between PART and ALL: so many steps have been marked of a buffer that takes long (reclaim.c).
enum zp_reclaimable {
    ZP_RECLAIMABLE_NONE,
    ZP_RECLAIMABLE_PART, // what lies in huge pages
    ZP_RECLAIMABLE_ALL = UINT8_MAX,
};

// Where realloc joined moved pages to fresh ones, the kernel keeps two mappings. A slot remembers
// up to this many such seams, because a later move has to go mapping by mapping.
enum { ZP_SLOT_SEAMS = 6 };

// The orders that eviction keeps slots in (eviction.h).
enum zp_order {
    ZP_ORDER_ARRIVAL, // all slots of a shard
    ZP_ORDER_RECENCY, // those whose recency a policy still weighs
    ZP_ORDER_COLD,    // cold ones, or those evicted in their test
    ZP_ORDER_COUNT,
};

struct zp_link {
    struct zp_slot *newer, *older;
};

struct zp_slot {
    char *base;       // first byte; a multiple of the region's stride
    size_t committed; // bytes that are readable and writable, a multiple of the page size
    uint32_t warm;    // pages known to be in memory when last scrubbed
    uint32_t epoch;   // of the arena, when its pages became ours alone
    uint8_t state;    // enum zp_slot_state
    uint8_t size_class;
    bool clean;          // every byte reads as zero
    bool resident;       // every page was in memory: scrub without asking
    uint8_t reclaimable; // enum zp_reclaimable
    bool left_out;       // marked MADV_DONTFORK by a fork
    bool marked;         // its mapping was changed: replace it when freed
    bool packed : 1;     // lies side by side with its neighbours (arena.h); set once, with base
    bool open : 1;       // packed: its stride has been made accessible
    bool guard : 1;      // packed: a guard marker lies behind the committed bytes
    struct zp_slot *next, *prev; // its list: cold slots of a region, or one class in a shard
    union {
        struct {           // LIVE
            uint64_t born; // bytes that its thread had requested before it
            size_t filled; // bytes that were read into it, before that was known to be all of it
        };
        struct zp_link links[ZP_ORDER_COUNT]; // in a shard or a queue, and elsewhere if `absent`
    };

    // The rest is in the second cache line and not touched on the fast ways.
    uint32_t since;   // POOLED, QUARANTINED: when it arrived, in milliseconds of the clock
    uint8_t shard;    // POOLED or absent: whose eviction knows it; PENDING: where it is to go
    bool absent;      // evicted, and eviction still waits whether it is asked for again
    bool in_test : 1; // pooled and cold: an access now would make it hot
    bool huge : 1;    // its memory is in huge pages, as far as the kernel has some
    bool hot : 1;     // POOLED: asked for often; else: to be hot when it arrives
    uint8_t seam_count;
    uint32_t seams[ZP_SLOT_SEAMS]; // in pages from the start, ascending
} __attribute__((aligned(ZP_CACHE_LINE)));

// Whether scrubbing left a pooled slot without a page.
static inline bool zp_slot_is_empty(const struct zp_slot *slot)
{
    return slot->clean && slot->warm == 0 && !slot->resident;
}

_Static_assert(sizeof(struct zp_slot) == (size_t)2 * ZP_CACHE_LINE,
               "a slot record is two cache lines");

#endif
