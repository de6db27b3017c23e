// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Placement: which NUMA node the memory of a buffer comes from, and which buffers a thread uses
// first.
//
// Nodes whose CPUs this process may use form groups, numbered from 0. Shards belong to groups
// (shard.h). A thread uses the shards of the group that it runs in, and a slot remembers the group
// of the thread that asked for it when it was cold: it returns to the shards of that group, in
// whatever thread it is freed. Without a second node there is one group, and no call is made.
//
// Memory comes from where a page is touched first, the kernel's own rule, unless the configuration
// says otherwise. What it says is a preference: the kernel takes other nodes' memory where there is
// none. Once the kernel has refused the call, it is not made again.
//
// Locking: none. What is set at start is read-only from then on. Fork: nothing to do: a child
// inherits the policies of mappings.

#ifndef ZP_CORE_PLACEMENT_H
#define ZP_CORE_PLACEMENT_H

#include "base.h"

enum {
    ZP_NODES_MOST = 1024, // the kernel's most
    ZP_GROUPS_MOST = 64,
    ZP_NODES_PER_WORD = 8 * sizeof(unsigned long),
    ZP_PLACED_CPUS = 1024, // whose node is known without a system call
    ZP_NO_NODE = UINT16_MAX,
};

// A set of nodes, as the kernel takes it.
struct zp_node_set {
    unsigned long words[ZP_NODES_MOST / ZP_NODES_PER_WORD];
};

static inline void zp_node_set_add(struct zp_node_set *set, unsigned node)
{
    set->words[node / ZP_NODES_PER_WORD] |= 1UL << node % ZP_NODES_PER_WORD;
}

static inline bool zp_node_set_has(const struct zp_node_set *set, unsigned node)
{
    return node < ZP_NODES_MOST &&
           (set->words[node / ZP_NODES_PER_WORD] >> node % ZP_NODES_PER_WORD & 1) != 0;
}

enum zp_placement {
    ZP_PLACEMENT_TOUCH,      // where it is touched first
    ZP_PLACEMENT_LOCAL,      // on the node of the thread that asked for it
    ZP_PLACEMENT_INTERLEAVE, // on all of `nodes` in turn
    ZP_PLACEMENT_NODE,       // on the one of `nodes`
};

struct zp_placement_config {
    enum zp_placement placement;
    struct zp_node_set nodes;
    unsigned groups; // 0 or 1: threads and buffers are not told apart
    uint16_t node_of[ZP_GROUPS_MOST];
    const uint16_t *node_of_cpu; // ZP_PLACED_CPUS of them, some ZP_NO_NODE; NULL: none is known
};

// Called once, before anything else here. The table of CPUs stays where it is.
void zp_placement_init(const struct zp_placement_config *config);

// At least 1.
unsigned zp_placement_groups(void);

// The group that this thread runs in; `otherwise` where that is not known.
unsigned zp_placement_group(unsigned otherwise);

// Has the pages of a slot that stands alone, which are yet to come, placed for a group.
void zp_placement_place(char *from, size_t length, unsigned group);

// Has them come from a node. 0, or a negative errno: -EINVAL if it is none that this process may
// have memory from.
int zp_placement_place_on(char *from, size_t length, unsigned node);

// The same for addresses that are reserved, where placement is the same for all.
void zp_placement_place_all(char *from, size_t length);

// The node of a group, -1 if groups are not told apart.
int zp_placement_node(unsigned group);

#endif
