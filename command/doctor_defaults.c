// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool doctor: NUMA nodes, and what is in force beside the defaults by machine.

#include "command/findings.h"
#include "config/resolve.h"

#include <stdio.h>
#include <string.h>

// ---- Nodes -----------------------------------------------------------------------------------

void zp_find_nodes(struct zp_findings *findings)
{
    const struct zp_nodes *nodes = &findings->machine.nodes;
    if (nodes->online <= 1) {
        zp_found(findings, "NUMA", "numa_nodes", ZP_FINE, "1 node");
        return;
    }
    struct zp_finding *finding =
        zp_found(findings, "NUMA", "numa_nodes", nodes->count > 1 ? ZP_NOTE : ZP_FINE,
                 "%u nodes, and CPUs of %u for this process", nodes->online, nodes->count);
    if (nodes->count <= 1)
        return;
    finding->cost =
        "a thread reuses buffers of its own node first; memory of another node, which is "
        "slower, only if its own has none (NUMA=auto)";
    finding->advice = "if processes are many, bind each to a node: numactl --cpunodebind=N";
}

// ---- Defaults --------------------------------------------------------------------------------

// A column of the table: "4, 8, 8, 16, 32, 64".
struct column {
    char text[64];
};

static struct column column(unsigned (*value)(const struct zp_defaults *row))
{
    struct column column = {""};
    for (unsigned i = 0; i < ZP_DEFAULTS; i++) {
        size_t length = strlen(column.text);
        snprintf(column.text + length, sizeof(column.text) - length, "%s%u", i > 0 ? ", " : "",
                 value(&zp_defaults[i]));
    }
    return column;
}

static unsigned cpus_of(const struct zp_defaults *row)
{
    return row->cpus;
}

static unsigned shards_of(const struct zp_defaults *row)
{
    return row->shards;
}

static unsigned per_shard_of(const struct zp_defaults *row)
{
    return row->per_shard;
}

static unsigned thread_cache_of(const struct zp_defaults *row)
{
    return row->thread_cache;
}

static struct zp_finding *find_one(struct zp_findings *findings, const char *about, const char *key,
                                   unsigned in_force,
                                   unsigned (*value)(const struct zp_defaults *row))
{
    return zp_found(findings, about, key, ZP_FINE, "%u in force; the table for up to %s CPUs: %s",
                    in_force, column(cpus_of).text, column(value).text);
}

void zp_find_defaults(struct zp_findings *findings)
{
    struct zp_pool_config config;
    zp_resolve(&findings->options, &findings->machine, &config);
    find_one(findings, "shards", "shards", config.shards, shards_of)->cost =
        "auto is one for each CPU, up to 128, and one for each NUMA node at least: CPUs that share "
        "one get in each other's way";
    find_one(findings, "buffers per shard", "per_shard", config.most_per_shard, per_shard_of)
        ->cost =
        "auto is more than in the table: bytes are the limit that counts (MAX_MEMORY), and a "
        "limit on buffers would only end reuse early; 16384 in all are half of the mappings of a "
        "process";
    find_one(findings, "buffers per thread", "thread_cache", config.thread_cache_most,
             thread_cache_of)
        ->cost =
        "auto is 8 on every machine: with 4 a program that uses five sizes in turn waits 18 times "
        "as long; bytes are limited besides (TLS_BYTES)";
}
