// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads the file that ZEROPOOL_PROFILE writes (docs/profile.md describes it).
//
// Always holds: the file may be anything. What is no profile, or one that is cut off, is refused
// whole, with the line that is wrong.
//
// Locking: none, one thread. What is read is never freed: the command ends soon.

#ifndef ZP_COMMAND_PROFILE_FILE_H
#define ZP_COMMAND_PROFILE_FILE_H

#include "core/profile.h"
#include "core/timeline.h"

// Code that was mapped from a file.
struct zp_mapped {
    uint64_t start, end, offset;
    unsigned long inode;
    const char *file; // "" if there is none
};

struct zp_profile_site {
    struct zp_site is;
    uint64_t *frames; // `is.depth` of them, innermost first; is.frames is not used
};

struct zp_profile_file {
    const char *program, *version;
    uint64_t pid, ended, rate, cpus, min_size, budget, scrub, zero, decay_ms, read, thp;
    uint64_t requests, sampled, lost, retained_peak;
    uint64_t evicted, decayed, unretained; // of the counters those that advice is made from
    struct zp_mapped *mappings;
    struct zp_profile_site *sites; // those that requested most bytes first
    struct zp_point *points;
    unsigned mapping_count, site_count, point_count;
};

// ZP_DONE, or a status after a message.
int zp_profile_read(const char *path, struct zp_profile_file *file);

// The mapping of an address, or NULL.
const struct zp_mapped *zp_profile_mapping(const struct zp_profile_file *file, uint64_t address);

#endif
