// SPDX-License-Identifier: MIT OR Apache-2.0

#include "resolve.h"

#include "core/shard.h"

#include <string.h>

enum { FEW_CPUS = 4 }; // so many or fewer make no difference

const struct zp_defaults zp_defaults[ZP_DEFAULTS] = {
    {FEW_CPUS, 4, 16, 4}, {8, 8, 16, 6},   {16, 8, 32, 6},
    {32, 16, 64, 8},      {64, 32, 64, 8}, {128, 64, 64, 8},
};

// Buffers in a thread's cache. Bytes are the limit that counts there as well: with four buffers a
// program that uses five sizes in turn waits 18 times as long.
enum { THREAD_BUFFERS = 8 };

// Buffers that all shards may hold together unless told otherwise. Each is two mappings at most, or
// becomes two when a fork leaves it out of the child; the kernel usually allows a process 65,530.
enum { POOLED_MOST = 16384 };

// Bytes that may wait for the helper: the kernel cannot take them meanwhile. It scrubs so many in
// about 20 ms.
#define QUEUE_MOST ZP_GIB

// What `auto` means. Larger machines are as the largest of the table.
static const struct zp_defaults *defaults_for(unsigned cpus)
{
    const struct zp_defaults *row = zp_defaults;
    while (cpus > row->cpus && row < zp_defaults + ZP_DEFAULTS - 1)
        row++;
    return row;
}

// One for each CPU, and for each node: two CPUs that share one get in each other's way at every get
// and put (docs/scale.md).
static unsigned shards_for(unsigned cpus, const struct zp_nodes *nodes)
{
    unsigned shards = FEW_CPUS;
    while (shards < ZP_SHARDS_MOST && (shards < cpus || shards < nodes->count))
        shards *= 2;
    return shards;
}

static size_t choose(int64_t option, size_t automatic)
{
    return option == ZP_AUTO ? automatic : (size_t)option;
}

struct zp_machine_wants zp_machine_wanted(const struct zp_options *options)
{
    bool budget = options->max_memory == ZP_AUTO;
    bool parallel = options->read == ZP_READ_PARALLEL;
    return (struct zp_machine_wants){
        .quota = options->shards == ZP_AUTO || parallel,
        .few_cpus = parallel ? 1 : FEW_CPUS,
        .memory = budget || parallel || options->reclaim == ZP_RECLAIM_LAZY,
        .available = budget,
        .cache = options->zero != ZP_ZERO_OFF,
        .huge_pages = options->thp != ZP_THP_OFF,
        .nodes = options->numa != ZP_NUMA_OFF,
    };
}

// A quarter of all, but never more than half of what there is for this process and all others:
// several of one job would otherwise retain more together than there is.
size_t zp_budget_share(const struct zp_memory *memory, size_t retained)
{
    size_t share = memory->total / 4;
    size_t available =
        memory->available < SIZE_MAX - retained ? memory->available + retained : SIZE_MAX;
    return available / 2 < share ? available / 2 : share;
}

// Of a machine's memory the kernel finds some in time, one way or another. A group's limit is a
// wall.
size_t zp_unmarked_share(const struct zp_memory *memory)
{
    return memory->limited ? memory->total / 64 : SIZE_MAX;
}

// A buffer that is scrubbed gains nothing from a thread cache once scrubbing it takes a hundred
// times as long as a shard's lock; without scrubbing the lock always counts.
static size_t thread_bytes(bool scrub, size_t budget)
{
    size_t most = scrub ? 32 * ZP_MIB : budget / 4;
    return most < budget / 4 ? most : budget / 4;
}

static enum zp_huge huge_pages(const struct zp_options *options, const struct zp_machine *machine)
{
    if (options->thp == ZP_THP_OFF || machine->huge_refused || machine->huge_too_large)
        return ZP_HUGE_NONE;
    if (options->thp == ZP_THP_ON)
        return ZP_HUGE_ALL;
    return machine->huge_pages ? ZP_HUGE_FILLED : ZP_HUGE_NONE;
}

// Where all memory comes from the same nodes, it does not matter which buffer a thread gets.
static void place(const struct zp_options *options, const struct zp_nodes *nodes,
                  struct zp_placement_config *placement)
{
    if (nodes->online <= 1 || options->numa == ZP_NUMA_OFF)
        return;
    if (options->numa == ZP_NUMA_INTERLEAVE) {
        placement->placement = ZP_PLACEMENT_INTERLEAVE;
        placement->nodes = nodes->memory;
        return;
    }
    if (options->numa >= 0 && zp_node_set_has(&nodes->memory, (unsigned)options->numa)) {
        placement->placement = ZP_PLACEMENT_NODE;
        zp_node_set_add(&placement->nodes, (unsigned)options->numa);
        return;
    }
    if (options->numa == ZP_NUMA_LOCAL)
        placement->placement = ZP_PLACEMENT_LOCAL;
    placement->groups = nodes->count;
    memcpy(placement->node_of, nodes->usable, sizeof(placement->node_of));
    placement->node_of_cpu = nodes->node_of_cpu;
}

void zp_resolve(const struct zp_options *options, const struct zp_machine *machine,
                struct zp_pool_config *config)
{
    const struct zp_defaults *defaults = defaults_for(machine->cpus);
    unsigned shards = (unsigned)choose(options->shards, shards_for(machine->cpus, &machine->nodes));
    uint32_t per_shard = POOLED_MOST / shards;
    if (per_shard < defaults->per_shard)
        per_shard = defaults->per_shard;
    size_t budget = choose(options->max_memory, zp_budget_share(&machine->memory, 0));
    bool full = options->check == ZP_CHECK_FULL;
    bool scrub = options->zero != ZP_ZERO_OFF;
    // What is scrubbed twice, or looked through, comes from a shard: a thread's cache hands out as
    // it was put.
    bool twice = options->zero == ZP_ZERO_BOTH;
    bool behind = options->zero == ZP_ZERO_BACKGROUND;

    *config = (struct zp_pool_config){
        .arena =
            {
                // A quarter of a limited address space: the rest is for the program.
                .reserve =
                    machine->address_space == SIZE_MAX ? SIZE_MAX : machine->address_space / 4,
                .smallest = (size_t)options->min_size,
                .huge_pages = huge_pages(options, machine),
                .huge_by_default = machine->huge_by_default,
                .stacks = options->stacks == ZP_STACKS_ON || full,
                .strict = machine->strict,
                .guarded = full,
                .spread = true,
                // Half: the rest is for the program, its threads and libraries, and for jemalloc.
                .mappings = machine->mappings / 2,
            },
        .content =
            {
                .scrub = scrub,
                .scrub_again = twice,
                .verify = full,
                // Half: the other half is for what the program reads and for other threads.
                // Measured with 32 MiB: overwriting in the cache wins up to 16 MiB, past it from
                // there (docs/decisions.md, decision 6).
                .cpu_cache = machine->cache / 2,
            },
        .put =
            {
                .thread_cache_bytes = choose(options->tls_bytes, thread_bytes(scrub, budget)),
                .quarantine = full ? budget / 2 : 0,
            },
        .decay =
            {
                .idle_ms = options->decay_ms,
                .by_thread = options->decay_by == ZP_DECAY_BY_THREAD && options->decay_ms != 0,
            },
        .read =
            {
                .cpus = options->read == ZP_READ_PARALLEL ? machine->cpus : 0,
                .limit = machine->memory.limited ? machine->memory.total : SIZE_MAX,
            },
        .budget = budget,
        .scrub_behind = behind ? QUEUE_MOST : 0,
        .reclaim = options->reclaim == ZP_RECLAIM_LAZY,
        .unmarked = zp_unmarked_share(&machine->memory),
        .eviction =
            options->eviction == ZP_EVICTION_LIFO ? &zp_eviction_lifo : &zp_eviction_clockpro,
        .thread_cache_most =
            twice || full ? 0 : (unsigned)choose(options->tls_cache, THREAD_BUFFERS),
        .shards = shards,
        .most_per_shard = (uint32_t)choose(options->max_per_shard, per_shard),
        .prewarm = {.list = options->prewarm.sizes, .count = zp_size_list_count(&options->prewarm)},
        .reserved_page = options->hugetlb == ZP_HUGETLB_OFF  ? 0
                         : options->hugetlb == ZP_HUGETLB_1G ? ZP_GIB
                                                             : ZP_HUGE_PAGE,
        .pin = options->pin == ZP_PIN_ON,
        .check = (enum zp_check)options->check,
    };
    place(options, &machine->nodes, &config->placement);
}
