// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Content: making the buffer in a slot zero, and what is known of its pages afterwards.
//
// All that is committed is made zero, the tail too: a program that overruns its buffer writes
// there. A buffer that was wholly in memory is overwritten without asking the kernel. Of any other
// mincore tells which pages are there (scrub.h). Where owners turn out to write next to nothing,
// all pages are dropped once instead (usage.h).
//
// Always holds: a slot whose content is not ZP_CONTENT_DIRTY reads as zero in every byte.
//
// Locking: none; the slot is the caller's. Fork: the caller sees to it that no page is shared.

#ifndef ZP_CORE_CONTENT_H
#define ZP_CORE_CONTENT_H

#include "scrub.h"
#include "slot.h"
#include "stats.h"

struct zp_content_config {
    bool scrub;       // make freed buffers zero
    bool scrub_again; // and once more before they are handed out: who wrote to them after that?
    bool verify;      // end the program if a buffer that should be zero is not
    size_t cpu_cache; // bytes of the processor's cache that a thread can count on
};

// Called once.
void zp_content_init(const struct zp_content_config *config);

// Whether the processor's cache is likely to hold a buffer's content still: the buffer and all that
// its thread has requested since would fit. Of a buffer from another thread this tells nothing, and
// nothing but time is lost by it.
bool zp_content_is_cached(const struct zp_slot *slot, const struct zp_counters *counters);

// Whether the owner of a freed buffer that is wholly in memory has left most of it zero.
bool zp_content_seems_sparse(const struct zp_slot *slot);

// Makes a freed buffer zero, if freed buffers are to be; false if the kernel refused.
bool zp_content_clean(struct zp_slot *slot, struct zp_counters *counters);

// The same for one that waited for it, in any case.
bool zp_content_clean_waited(struct zp_slot *slot, struct zp_counters *counters);

// Makes the first `bytes` of a live buffer zero: 0 or a negative errno.
int zp_content_clear(const struct zp_slot *slot, size_t bytes);

// A part of a buffer, for who does it in parts: 0 or a negative errno. When all parts are done the
// second is told of them together.
int zp_content_clean_part(const struct zp_slot *slot, size_t at, size_t bytes,
                          struct zp_scrub_result *result);
void zp_content_note_clean(struct zp_slot *slot, const struct zp_scrub_result *result,
                           struct zp_counters *counters);

// A retained buffer is about to be used again. Ends the program if it was written to and that is to
// be found. False if it had to be made zero again and the kernel refused.
bool zp_content_reuse(struct zp_slot *slot, struct zp_counters *counters);

// The same without a system call, if the second says that it needs none.
void zp_content_reuse_at_hand(struct zp_slot *slot);
bool zp_content_is_at_hand(void);

// The same for a slot without memory.
void zp_content_verify(const struct zp_slot *slot);

#endif
