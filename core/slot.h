// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is known of a slot, kept in a table outside the buffers: nothing is ever written into a
// pooled buffer, and an overrun of one cannot reach this.
//
// Always holds:
//   - A slot has one owner at a time, named by its state; only the owner touches the record.
//   - COLD slots hold no pages. `clean` is true of every slot whose every byte reads as zero.
//   - `base` is written once, when the slot is first taken; a record that never was is all zeros.
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
    ZP_SLOT_COLD,    // on its region's list, or never used
    ZP_SLOT_TAKEN,   // between two owners, in the hands of one thread of ours
    ZP_SLOT_LIVE,    // the program's
    ZP_SLOT_CACHED,  // in a thread cache
    ZP_SLOT_POOLED,  // in a shard
    ZP_SLOT_RETIRED, // the kernel refused to give or take its memory; never used again
};

// Where realloc joined moved pages to fresh ones, the kernel keeps two mappings. A slot remembers
// up to this many such seams, because a later move has to go mapping by mapping.
enum { ZP_SLOT_SEAMS = 7 };

struct zp_slot {
    char *base;       // first byte; a multiple of the region's stride
    size_t committed; // bytes that are readable and writable, a multiple of the page size
    uint32_t warm;    // pages known to be in memory when last scrubbed
    uint32_t epoch;   // number of forks seen when its pages became ours alone
    uint8_t state;    // enum zp_slot_state
    uint8_t size_class;
    bool clean;                  // every byte reads as zero
    bool resident;               // every page was in memory: scrub without asking
    bool left_out;               // marked MADV_DONTFORK by a fork
    bool marked;                 // the program changed the mapping itself: replace it when freed
    bool open;                   // packed layout: the slot has been made accessible
    struct zp_slot *next, *prev; // its list: cold slots of a region, or one class in a shard
    union {
        struct {
            struct zp_slot *newer, *older; // POOLED: order of arrival in a shard
        };
        uint64_t born; // LIVE: bytes that its thread had requested before it
    };

    // The second cache line: needed by realloc alone.
    uint8_t seam_count;
    size_t seams[ZP_SLOT_SEAMS]; // offsets in bytes, ascending
} __attribute__((aligned(ZP_CACHE_LINE)));

_Static_assert(sizeof(struct zp_slot) == (size_t)2 * ZP_CACHE_LINE,
               "a slot record is two cache lines");

#endif
