// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What zeropool check has found out about a process, and how it is reported.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_CHECK_H
#define ZP_COMMAND_CHECK_H

#include "command/library.h"
#include "stats/live.h"

enum { ZP_REASON_MOST = PATH_MAX + 256, ZP_NOTES_MOST = 64 };

struct zp_check {
    pid_t pid; // 0: of a program that was not run
    char name[32];
    bool in_force;
    char reason[ZP_REASON_MOST]; // why it is not; "" if it is
    char advice[ZP_REASON_MOST]; // what to do about it
    char library[PATH_MAX];      // loaded, "" if it is not
    char version[ZP_VERSION_MOST];
    char *options[ZP_NOTES_MOST]; // in force, other than the defaults: "ZEROPOOL_READ=parallel"
    unsigned option_count;
    char *refused[ZP_NOTES_MOST]; // that are set and not in force, with the reason
    unsigned refused_count;
    bool counted; // `large` and what follows is known
    uint64_t large, served, bytes, passed, small;
    uint64_t live_bytes, retained_bytes;
};

// Fills in the options from an environment.
void zp_check_options(struct zp_check *check, char *const *environment);

// Fills in the numbers.
void zp_check_count(struct zp_check *check, const struct zp_pool_stats *stats);

// Prints some, as text or JSON.
void zp_check_print(const struct zp_check *checks, unsigned count);
void zp_check_print_json(const struct zp_check *checks, unsigned count);

#endif
