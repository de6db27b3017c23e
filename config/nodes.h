// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The NUMA nodes of the machine, as far as this process may use them.
//
// A node may have memory and no CPUs (memory behind CXL, a processor whose CPUs are offline), or
// CPUs and no memory. What is missing or odd leaves one node. Nothing here allocates or changes
// errno.
//
// Locking: none; called once, at start. A second call changes the table that the first has filled.

#ifndef ZP_CONFIG_NODES_H
#define ZP_CONFIG_NODES_H

#include "core/placement.h"

struct zp_nodes {
    unsigned online;                 // nodes of the machine, 1 at least
    unsigned count;                  // nodes with CPUs that this process may use, at most
    uint16_t usable[ZP_GROUPS_MOST]; // ZP_GROUPS_MOST; their numbers, ascending
    struct zp_node_set memory;       // nodes with memory
    const uint16_t *node_of_cpu;     // for zp_placement_config; NULL with one node
};

// `root` stands before every path; `cpus` are those this process may use, a bit each of `bytes`
// bytes. NULL: all.
void zp_nodes_read(const char *root, const unsigned long *cpus, size_t bytes,
                   struct zp_nodes *nodes);

#endif
