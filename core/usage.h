// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Usage: predictions of how much of a buffer its owner will write.
//
// Per call site: whether it writes its buffers to the end. Such buffers are best given in huge
// pages, or populated in one call. A buffer that is touched here and there (a thread's stack, a
// table) is not: each touch of a huge page costs 2 MiB. The last fresh buffer that a call site got
// of a size class is remembered; its next one is expected to be filled if that one has been by now.
// Of a class that it has not asked for yet, the nearest one within a doubling tells.
// So a site that changes its behaviour is predicted wrongly once.
//
// Per size class: whether owners write next to nothing. To overwrite a buffer that is wholly in
// memory costs the same however little was written. So when several owners in a row have left most
// of a buffer zero, its pages are dropped once; from then on only what owners touch has to be
// overwritten. If the next owner then touches most of the buffer, the prediction was wrong, and
// many owners have to leave theirs sparse before it is tried again.
//
// Always holds: these are hints. A wrong one costs time or memory and never changes content.
//
// Locking: none; a site and a class are one word each, read and written atomically. Fork: the child
// keeps what was learned.

#ifndef ZP_CORE_USAGE_H
#define ZP_CORE_USAGE_H

#include "size_class.h"
#include "slot.h"

// Whether all of a range seems to be in memory; a few of its pages are looked at.
bool zp_usage_in_memory(char *base, size_t length);

// Whether the code at `caller` has filled the last fresh buffer that it got of this class.
bool zp_usage_fills(const void *caller, unsigned size_class);

// Notes that `caller` gets `slot`, of which no page is in memory.
void zp_usage_note(const void *caller, const struct zp_slot *slot);

// A buffer of the class was freed that had all its pages when it was handed out; `sparse` says that
// its owner left most of it zero. True if its pages are to be dropped.
bool zp_usage_note_freed(unsigned size_class, bool sparse);

// A buffer of the class was freed that had no page when it was handed out, and now has `touched` of
// its `bytes` in memory.
void zp_usage_note_touched(unsigned size_class, size_t touched, size_t bytes);

// Whether such a buffer was probably not touched at all, because several owners in a row did not
// touch theirs. False now and then, so that the caller checks.
bool zp_usage_expects_untouched(unsigned size_class);

#endif
