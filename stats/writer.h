// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The writer of a process's live file (live.h).
//
// Always holds: whatever the file system does, the process goes on. All blocks of the file are
// allocated before it is mapped, so that a full file system is noticed then, by an error, and not
// by SIGBUS later. An update makes no system call.
//
// Locking: one thread at a time. Fork: the mapping does not exist in the child, which calls
// zp_live_writer_forget and may begin anew.

#ifndef ZP_STATS_WRITER_H
#define ZP_STATS_WRITER_H

#include "stats/live.h"

struct zp_live_writer {
    struct zp_live *live; // NULL: there is none
    unsigned place;       // in which folder
    const char *runtime;  // the value of XDG_RUNTIME_DIR, or NULL
};

// What a file begins with.
struct zp_live_origin {
    const char *runtime; // the value of XDG_RUNTIME_DIR, or NULL; kept
    const char *program;
    const char *library; // its version
    uint64_t every_ms;
};

// Makes the file of this process, and removes those of processes that are gone. 0, or a negative
// errno: there is no file then, and updates do nothing.
int zp_live_writer_begin(struct zp_live_writer *writer, const struct zp_live_origin *origin);

void zp_live_writer_update(struct zp_live_writer *writer, const struct zp_pool_stats *stats);

// Removes the file.
void zp_live_writer_end(struct zp_live_writer *writer);

static inline void zp_live_writer_forget(struct zp_live_writer *writer)
{
    writer->live = NULL;
}

#endif
