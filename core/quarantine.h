// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The quarantine: freed buffers that stay inaccessible for a while, first in, first out.
//
// With ZEROPOOL_CHECK=full a freed buffer is made zero and inaccessible, and waits here until
// enough bytes have been freed after it: a program that still reads or writes it faults. Then it
// becomes accessible again and goes to a shard; before it is used again it is checked that it still
// is zero.
//
// Always holds: a slot in quarantine is QUARANTINED, zero and charged to the budget. A slot that is
// taken out is TAKEN and still charged, and its taker makes it accessible.
//
// Locking: one lock (ZP_RANK_QUARANTINE), held for a few list operations. Fork: the slots are
// excluded from the child as pooled buffers are (fork.h).

#ifndef ZP_CORE_QUARANTINE_H
#define ZP_CORE_QUARANTINE_H

#include "slot.h"

// At most so many bytes wait; 0: there is no quarantine. Called once, before anything else here.
void zp_quarantine_init(size_t bytes);

// Puts a TAKEN, charged, clean and inaccessible slot, with `since` set.
void zp_quarantine_put(struct zp_slot *slot);

// Takes the slot that has been in quarantine longest: if more bytes wait than may; if it has been
// there for so many milliseconds; in any case. NULL if there is none.
struct zp_slot *zp_quarantine_take_surplus(void);
struct zp_slot *zp_quarantine_take_idle(uint32_t idle);
struct zp_slot *zp_quarantine_take(void);

// Puts the rest of a slot that was just taken back, as the oldest.
void zp_quarantine_put_back(struct zp_slot *slot);

// Bytes in quarantine; a hint while other threads work.
size_t zp_quarantine_bytes(void);

// Fork: takes and releases the lock; the third makes the quarantine empty in the child.
void zp_quarantine_lock(void);
void zp_quarantine_unlock(void);
void zp_quarantine_reset(void);
void zp_quarantine_visit(void (*visit)(struct zp_slot *slot));

#endif
