// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What zeropool doctor has found, in the order of the report.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_FINDINGS_H
#define ZP_COMMAND_FINDINGS_H

#include "config/machine.h"
#include "config/options.h"
#include "stats/format.h"

#include <stdbool.h>

enum zp_level {
    ZP_FINE,     // nothing to do
    ZP_NOTE,     // worth knowing
    ZP_COSTS,    // something is slower, or takes more memory, than it need be
    ZP_PREVENTS, // the library does not work like this
};

struct zp_finding {
    const char *about; // a few words
    const char *key;   // the same for JSON
    enum zp_level level;
    char is[256];       // what was found
    const char *cost;   // what it means; NULL: nothing
    const char *advice; // what to do; NULL: nothing
};

enum { ZP_FINDINGS_MOST = 64 };

struct zp_findings {
    const char *root; // before every path: "" for this machine
    struct zp_machine machine;
    struct zp_options options; // that a program started from here has
    struct zp_finding list[ZP_FINDINGS_MOST];
    unsigned count;
};

// Adds a finding. Cost and advice are constant texts.
__attribute__((format(printf, 5, 6))) struct zp_finding *
zp_found(struct zp_findings *findings, const char *about, const char *key, enum zp_level level,
         const char *format, ...);

// A size for people. SIZE_MAX: unlimited.
struct zp_text zp_size_text(size_t bytes);

// The parts of the report.
void zp_find_nodes(struct zp_findings *findings);    // NUMA
void zp_find_defaults(struct zp_findings *findings); // what `auto` means here, and elsewhere
void zp_find_memory(struct zp_findings *findings);   // memory, groups, limits, huge pages
void zp_find_kernel(struct zp_findings *findings);   // calls of the kernel, rights, the hypervisor

#endif
