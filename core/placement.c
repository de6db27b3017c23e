// SPDX-License-Identifier: MIT OR Apache-2.0

#include "placement.h"

#include "os.h"

#include <errno.h>

enum { NO_GROUP = UINT8_MAX };

static ZP_FROZEN struct zp_placement_config config = {0};
static ZP_FROZEN uint8_t group_of[ZP_NODES_MOST] = {0};
static bool refused;

void zp_placement_init(const struct zp_placement_config *chosen)
{
    config = *chosen;
    for (unsigned node = 0; node < ZP_NODES_MOST; node++)
        group_of[node] = NO_GROUP;
    for (unsigned group = 0; group < config.groups; group++)
        group_of[config.node_of[group]] = (uint8_t)group;
}

unsigned zp_placement_groups(void)
{
    return config.groups > 1 ? config.groups : 1;
}

static int node_here(void)
{
    int cpu = config.node_of_cpu != NULL ? zp_os_cpu() : -1;
    bool known = cpu >= 0 && cpu < ZP_PLACED_CPUS && config.node_of_cpu[cpu] != ZP_NO_NODE;
    return known ? config.node_of_cpu[cpu] : zp_os_node();
}

unsigned zp_placement_group(unsigned otherwise)
{
    if (config.groups <= 1)
        return 0;
    int node = node_here();
    if (node < 0 || node >= ZP_NODES_MOST || group_of[node] == NO_GROUP)
        return otherwise;
    return group_of[node];
}

int zp_placement_node(unsigned group)
{
    return group < config.groups ? config.node_of[group] : -1;
}

// An error other than these concerns the range alone: then it comes from where it is touched first.
static int place(char *from, size_t length, int policy, const struct zp_node_set *nodes)
{
    if (__atomic_load_n(&refused, __ATOMIC_RELAXED))
        return 0;
    int error = zp_os_bind(from, length, policy, nodes->words, ZP_NODES_MOST);
    if (error == -EPERM || error == -ENOSYS)
        __atomic_store_n(&refused, true, __ATOMIC_RELAXED);
    return error;
}

int zp_placement_place_on(char *from, size_t length, unsigned node)
{
    struct zp_node_set nodes = {{0}};
    zp_node_set_add(&nodes, node);
    return place(from, length, ZP_OS_PREFER, &nodes);
}

void zp_placement_place(char *from, size_t length, unsigned group)
{
    if (config.placement != ZP_PLACEMENT_LOCAL || group >= config.groups)
        return;
    zp_placement_place_on(from, length, config.node_of[group]);
}

void zp_placement_place_all(char *from, size_t length)
{
    if (config.placement == ZP_PLACEMENT_INTERLEAVE)
        place(from, length, ZP_OS_INTERLEAVE, &config.nodes);
    else if (config.placement == ZP_PLACEMENT_NODE)
        place(from, length, ZP_OS_PREFER, &config.nodes);
}
