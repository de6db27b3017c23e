// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What this process may use of the machine: CPUs, memory, addresses, and how the kernel is set.
//
// Everything is optional: a file that is missing, unreadable or odd leaves the answer that needs no
// file. Nothing here allocates or changes errno, and little stack is used.
//
// Locking: none; called once, at start.

#ifndef ZP_CONFIG_MACHINE_H
#define ZP_CONFIG_MACHINE_H

#include "config/memory.h"
#include "config/nodes.h"

#include <stdbool.h>
#include <stddef.h>

struct zp_machine {
    unsigned cpus; // of the affinity mask, and no more than the cgroup's quota, rounded up
    struct zp_memory memory;
    size_t address_space; // bytes: RLIMIT_AS, or SIZE_MAX
    size_t cache;         // bytes of the largest cache of a CPU
    size_t mappings;      // that the kernel grants a process: vm.max_map_count
    struct zp_nodes nodes;
    bool strict;          // vm.overcommit_memory is 2
    bool huge_pages;      // transparent huge pages are not set to never
    bool huge_by_default; // they are set to always
    bool huge_refused;    // this process gets none, even where it asks (PR_SET_THP_DISABLE)
    bool huge_too_large;  // they are larger than ZP_HUGE_PAGE, because small pages are
};

// What the answer depends on: each is a file or more that a start without it does not open.
struct zp_machine_wants {
    bool quota; // unless the affinity mask has no more CPUs than this:
    unsigned few_cpus;
    bool memory;     // else all physical memory is taken to be there
    bool available;  // memory that is, else all is
    bool cache;      // else a usual size
    bool nodes;      // else there is one
    bool huge_pages; // else there are some, for this process too
};

// `root` stands before every path: "" for the machine itself, another folder in tests.
void zp_machine_probe(struct zp_machine *machine, const struct zp_machine_wants *wants,
                      const char *root);

#endif
