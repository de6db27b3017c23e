// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Usage: whether a buffer that is about to be handed out will be written to the end.
//
// One that will be is best served in huge pages, or filled in one call; of one that will be touched
// here and there (a thread's stack, a table), each touch would cost 2 MiB then. The same place of
// a program tends to ask for the same thing, so the last fresh buffer that a call site got of a
// size class is remembered, and its next one is taken to be filled if that one has been by now. A
// site that changes its ways is believed for one buffer too long.
//
// Always holds: this is a hint. What is remembered is a range of the arena, whoever has it now, and
// reading it wrong costs time or memory, never content.
//
// Locking: none; a site is one word, read and written at once. Fork: a child goes on with what its
// parent knew.

#ifndef ZP_CORE_USAGE_H
#define ZP_CORE_USAGE_H

#include "slot.h"

// Whether all of a range is in memory, by a few of its pages.
bool zp_usage_in_memory(char *base, size_t length);

// Whether who calls from `caller` has filled the last fresh buffer it got of this class.
bool zp_usage_fills(const void *caller, unsigned size_class);

// `caller` is given `slot`, of whose memory nothing has been touched.
void zp_usage_note(const void *caller, const struct zp_slot *slot);

#endif
