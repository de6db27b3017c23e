// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Usage: how much of a buffer its owners write, learned.
//
// Of a call site: whether it writes its buffers to the end. Those are best served in huge pages, or
// filled in one call; of one that is touched here and there (a thread's stack, a table), each touch
// would cost 2 MiB then. The same place of a program tends to ask for the same thing, so the last
// fresh buffer that a call site got of a size class is remembered, and its next one is taken to be
// filled if that one has been by now. A site that changes its ways is believed for one buffer too
// long.
//
// Of a size class: whether its owners write next to nothing. A buffer that is wholly in memory costs
// the same to overwrite however little was written. So when owner after owner has left most of it
// zero, its pages are dropped once, and what the next owners touch is all there is to overwrite. If
// they then touch most of it after all, dropping was wrong, and is not tried again for long.
//
// Always holds: this is a hint. Reading it wrong costs time or memory, never content.
//
// Locking: none; a site and a class are one word each, read and written at once. Fork: a child goes
// on with what its parent knew.

#ifndef ZP_CORE_USAGE_H
#define ZP_CORE_USAGE_H

#include "size_class.h"
#include "slot.h"

// Whether all of a range is in memory, by a few of its pages.
bool zp_usage_in_memory(char *base, size_t length);

// Whether who calls from `caller` has filled the last fresh buffer it got of this class.
bool zp_usage_fills(const void *caller, unsigned size_class);

// `caller` is given `slot`, of whose memory nothing has been touched.
void zp_usage_note(const void *caller, const struct zp_slot *slot);

// A buffer of the class was freed that had all its pages when it was handed out; `sparse` says that
// its owner left most of it zero. True if its pages are to be dropped.
bool zp_usage_note_freed(unsigned size_class, bool sparse);

// A buffer of the class was freed that had no page when it was handed out, and now has `touched` of
// its `bytes` in memory.
void zp_usage_note_touched(unsigned size_class, size_t touched, size_t bytes);

// Whether such a buffer has most likely not been touched at all: several owners in a row have not.
// False now and then, so that the caller looks.
bool zp_usage_expects_untouched(unsigned size_class);

#endif
