// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The memory that this process may use, what of it is available, and whether the kernel is short of
// it: of the machine and of the memory groups the process is in, each with all those above it.
//
// Available is what nobody uses, and what only caches files. Buffers that a pool has marked as the
// kernel's to take are not counted as available, although the kernel lists them with file pages: of
// eight ranks of one job each would think that what the others retain is its own to use.
//
// Nothing here allocates or changes errno, and little stack is used.
//
// Locking: none; one thread at a time (files are read into static memory).

#ifndef ZP_CONFIG_MEMORY_H
#define ZP_CONFIG_MEMORY_H

#include "config/files.h"

#include <stdbool.h>
#include <stddef.h>

struct zp_memory {
    size_t total;     // bytes: physical memory, or the lowest limit of a group
    size_t available; // bytes, the lowest of all
    bool limited;     // by a group
    bool complete;    // no file that is there was unreadable
};

enum zp_memory_part {
    ZP_MEMORY_LIMITS, // what is used is not asked: all is available
    ZP_MEMORY_ALL,
};

void zp_memory_look_at(const char *root, const struct zp_groups *groups, enum zp_memory_part part,
                       struct zp_memory *memory);

// The same, of the groups that the process is in now. False if these cannot be read, as in a
// sandbox entered since: what is told then is of the machine alone.
bool zp_memory_look(const char *root, struct zp_memory *memory);

// Counts that grow while the kernel is short of memory for this process.
struct zp_strain {
    size_t refused; // times that a group of this process was at its limit
    size_t stalled; // microseconds that a thread waited for memory, of the group or the machine
};

void zp_strain_look(const char *root, struct zp_strain *strain);

#endif
