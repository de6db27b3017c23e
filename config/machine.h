// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What this process may use of the machine: CPUs, memory, addresses, and how the kernel is set.
//
// Everything is optional: a file that is missing, unreadable or odd leaves the answer that needs no
// file. Files are read with read(2); nothing here allocates or changes errno, and little
// stack is used.
//
// Locking: none; called once, at start.

#ifndef ZP_CONFIG_MACHINE_H
#define ZP_CONFIG_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

struct zp_machine {
    unsigned cpus;        // of the affinity mask, and no more than the cgroup's quota, rounded up
    size_t memory;        // bytes: physical memory, or less if the cgroup's limit is lower
    size_t address_space; // bytes: RLIMIT_AS, or SIZE_MAX
    size_t cache;         // bytes of the largest cache of a CPU
    size_t mappings;      // that the kernel grants a process: vm.max_map_count
    bool strict;          // vm.overcommit_memory is 2
    bool huge_pages;      // transparent huge pages are not set to never
};

// The memory alone, as it is now: a cgroup's limit may have been changed. 0 if the groups cannot be
// read, as in a sandbox entered since.
size_t zp_machine_memory(const char *root);

// `root` stands before every path: "" for the machine itself, another folder in tests.
void zp_machine_probe(struct zp_machine *machine, const char *root);

#endif
