// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A range of a file that is read in parts: by the caller, and by members of the team.
//
// How it is read follows from what a part finds. While all is in the page cache, as many threads
// copy as there are CPUs for them. When something is not, as many read as pays (depth.h), in
// smaller parts; one that is alone then reads all that is left in one call.
//
// Always holds: parts are claimed in order. A part that cannot be read, or not all of it, ends the
// whole: no further one is claimed, and all before it are read.
//
// Locking: none; the words that members use are atomic, all else is the caller's. Fork: see team.h.

#ifndef ZP_CORE_PARTS_H
#define ZP_CORE_PARTS_H

#include "depth.h"
#include "signals.h"
#include "team.h"

#include <sys/types.h>
#include <sys/uio.h>

// The most elements of a vector.
enum { ZP_PARTS_ELEMENTS = 16 };

struct zp_parts {
    struct zp_team_work work;
    int fd; // the pool's own
    struct iovec to[ZP_PARTS_ELEMENTS];
    unsigned count;
    size_t size;  // bytes that are asked for
    off_t offset; // of the first
    dev_t device;
    ino_t inode;
    size_t fetch; // bytes of them of which pages are fetched first (fill.h)
    bool huge;    // they come in huge pages that are not there yet
    size_t skew;  // parts end where position + skew is a multiple of their length

    // Words of all who read.
    size_t next;   // the first byte that nobody reads or has read
    size_t ends;   // the first byte that could not be read; SIZE_MAX: none
    size_t stops;  // the first one behind a read that was short; SIZE_MAX: none
    size_t done;   // bytes read
    size_t part;   // bytes that are read at a time
    uint32_t cold; // not all is in the page cache
    int flags;     // of preadv2

    // The caller's.
    struct zp_team_slot *slot; // NULL: no member is at it
    unsigned members;          // that may be
    bool measured;
    struct zp_depth depth;
    size_t before_depth; // bytes read before it was measured
};

// `cpus` may be used by readers of files in the page cache.
void zp_parts_init(unsigned cpus);

// Begins a range, of which everything from `to` to `huge` is set, and the descriptor.
void zp_parts_begin(struct zp_parts *parts, bool cold, int flags);

// Whether the descriptor is, in this thread, of the file that the range belongs to.
bool zp_parts_hold_the_file(const struct zp_parts *parts);

// Reads parts until none is left, or until a signal has arrived that is not in `blocked`. No member
// is at it any more when this returns. The first part is read in any case.
void zp_parts_read(struct zp_parts *parts, zp_signals blocked);

// Whether no part is left.
bool zp_parts_are_done(const struct zp_parts *parts);

// Bytes from the first on that have been read, once no part is left.
size_t zp_parts_bytes(const struct zp_parts *parts);

// Reads what is left in one call, past the parts: bytes, or a negative errno; 0 if the kernel gave
// fewer bytes than it was asked for, and so would have ended one read of all of it there.
ssize_t zp_parts_read_rest(const struct zp_parts *parts);

// What was found about the device is kept.
void zp_parts_end(const struct zp_parts *parts);

#endif
