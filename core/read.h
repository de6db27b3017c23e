// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Large reads from files into buffers, shared with the team: several threads copy from the page
// cache faster than one, and several requests to a slow device are under way at once.
//
// The answer is that of read(2):
// - The file is held by a descriptor of the pool's own, so that another thread can close the
//   program's. To close a descriptor drops the process's POSIX locks on the file, so a file that
//   anybody has such a lock on is not shared.
// - The range is reserved by one lseek, so that all who share a position get ranges of their own.
//   What turns out not to be there is given back.
// - Only what the file has when the read begins is asked for. A part that is short, or fails, ends
//   the shared read: the caller asks once more for all from there on, and that answer counts.
// - No handler runs in the caller while a member of the team is at the read: the handler could jump
//   out of it. A signal that arrives is delivered between two parts, while nothing is held. If the
//   handler closes the file, the read ends there with what it has.
//
// Locking: none; a read belongs to its caller, see team.h. Fork: see team.h.

#ifndef ZP_CORE_READ_H
#define ZP_CORE_READ_H

#include "parts.h"

// The least that is shared: to wake a thread takes as long as reading half a megabyte.
#define ZP_READ_LEAST (2 * ZP_MIB)

struct zp_read_config {
    unsigned cpus; // that readers of cached files may use; 0: nothing is shared
    size_t limit;  // bytes of memory; larger files are not kept in the page cache
};

struct zp_read {
    int fd;
    const struct iovec *to;
    unsigned count; // up to ZP_PARTS_ELEMENTS
    off_t offset;   // negative: the file's own position, which moves
    size_t fetch;   // of a single element: bytes of which pages are fetched first (fill.h)
};

void zp_read_init(const struct zp_read_config *config);

// Whether reads are shared at all.
bool zp_read_is_shared(void);

// Reads together with the team. False if that is not to be: nothing has happened. Else `*result` is
// the number of bytes or a negative errno. Keeps errno.
bool zp_read_share(const struct zp_read *wanted, ssize_t *result);

// Before a filter is installed, which may apply to all threads: waits until those that are under
// way have ended, a second at most, and ends the team. Until zp_read_go_on nothing is shared; once
// the process is restricted (zp_os_restrict), no more.
void zp_read_stop(void);
void zp_read_go_on(void);

// In the child of a fork.
void zp_read_reset(void);

#endif
