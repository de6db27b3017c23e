// SPDX-License-Identifier: MIT OR Apache-2.0

#include "nodes.h"

#include "files.h"

#include "core/log.h"

#include <limits.h>
#include <string.h>

#define FOLDER "/sys/devices/system/node"

enum { LIST_MOST = 4096 }; // "0,2,4 ..." of the CPUs of a large node

// As the list of groups in files.c: the stack may be a thread's smallest.
static char list[LIST_MOST];

static ZP_FROZEN uint16_t node_of_cpu[ZP_PLACED_CPUS] = {0};

// Reads the next range of a list such as "0-3,8"; returns what follows, NULL at its end or where it
// is odd.
static const char *next_range(const char *at, size_t *first, size_t *last)
{
    at += *at == ',';
    *first = zp_number_at(at);
    if (*first == SIZE_MAX)
        return NULL;
    at += strspn(at, "0123456789");
    *last = *first;
    if (*at == '-') {
        *last = zp_number_at(at + 1);
        at += 1 + strspn(at + 1, "0123456789");
    }
    return *last != SIZE_MAX && *last >= *first ? at : NULL;
}

// Returns how many nodes a list has.
static unsigned read_set(const char *root, const char *name, struct zp_node_set *set)
{
    size_t first, last;
    unsigned count = 0;
    memset(set, 0, sizeof(*set));
    if (zp_file_read(root, name, list, sizeof(list)) != ZP_FILE_READ)
        return 0;
    for (const char *at = list; (at = next_range(at, &first, &last)) != NULL;)
        for (size_t node = first; node <= last && node < ZP_NODES_MOST; node++, count++)
            zp_node_set_add(set, (unsigned)node);
    return count;
}

static bool has_cpu(const unsigned long *cpus, size_t bytes, size_t cpu)
{
    size_t bits = sizeof(*cpus) * CHAR_BIT;
    return cpu < bytes * CHAR_BIT && (cpus[cpu / bits] >> cpu % bits & 1) != 0;
}

// Reads which CPUs of a node are online, for the table. Returns whether some are among those given.
static bool read_cpus(const char *root, unsigned node, const unsigned long *cpus, size_t bytes)
{
    struct zp_line name;
    size_t first, last;
    bool any = false;
    zp_line_begin(&name, FOLDER "/node");
    zp_line_number(&name, node);
    zp_line_text(&name, "/cpulist");
    name.text[name.length] = '\0';
    if (zp_file_read(root, name.text, list, sizeof(list)) != ZP_FILE_READ)
        return false;
    for (const char *at = list; (at = next_range(at, &first, &last)) != NULL;) {
        any = any || cpus == NULL;
        for (size_t cpu = first; cpu <= last && cpu < ZP_PLACED_CPUS; cpu++)
            node_of_cpu[cpu] = (uint16_t)node;
        for (size_t cpu = first; cpu <= last && cpu < bytes * CHAR_BIT && !any; cpu++)
            any = has_cpu(cpus, bytes, cpu);
    }
    return any;
}

void zp_nodes_read(const char *root, const unsigned long *cpus, size_t bytes,
                   struct zp_nodes *nodes)
{
    struct zp_node_set online;
    memset(nodes, 0, sizeof(*nodes));
    nodes->online = read_set(root, FOLDER "/online", &online);
    if (nodes->online <= 1) {
        nodes->online = 1;
        zp_node_set_add(&nodes->memory, 0);
        return;
    }
    for (unsigned cpu = 0; cpu < ZP_PLACED_CPUS; cpu++)
        node_of_cpu[cpu] = ZP_NO_NODE;
    nodes->node_of_cpu = node_of_cpu;
    if (read_set(root, FOLDER "/has_memory", &nodes->memory) == 0)
        nodes->memory = online;
    for (unsigned node = 0; node < ZP_NODES_MOST && nodes->count < ZP_GROUPS_MOST; node++)
        if (zp_node_set_has(&online, node) && read_cpus(root, node, cpus, bytes))
            nodes->usable[nodes->count++] = (uint16_t)node;
}
