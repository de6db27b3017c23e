// SPDX-License-Identifier: MIT OR Apache-2.0

#include "config/resolve.h"
#include "support.h"

static struct zp_options options;
static struct zp_machine machine;
static struct zp_pool_config config;

static void resolve(void)
{
    zp_resolve(&options, &machine, &config);
}

static void set_up(void)
{
    zp_options_defaults(&options);
    machine = (struct zp_machine){
        .cpus = 8,
        .memory = {.total = 16 * ZP_GIB, .available = 15 * ZP_GIB, .complete = true},
        .address_space = SIZE_MAX,
        .cache = 32 * ZP_MIB,
        .huge_pages = true,
    };
}

// Breaks when the defaults for a number of CPUs are not those of the table in the design.
START_TEST(defaults_follow_the_cpus)
{
    static const struct {
        unsigned cpus, shards;
    } rows[] = {
        {1, 4},     {2, 4},     {4, 4},      {5, 8},
        {8, 8},     {9, 16},    {16, 16},    {17, 32},
        {32, 32},   {33, 64},   {64, 64},    {65, 128},
        {128, 128}, {129, 128}, {8192, 128}, {UINT32_MAX, 128},
    };
    set_up();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        machine.cpus = rows[i].cpus;
        resolve();
        ck_assert_uint_eq(config.shards, rows[i].shards);
        ck_assert_uint_eq(config.thread_cache_most, 8);
        ck_assert_uint_eq(config.most_per_shard, 16384 / rows[i].shards);
    }
}
END_TEST

// Breaks when an option or a topology leads to another placement, or when nodes have no shard each.
START_TEST(placement_follows_the_nodes)
{
    static const struct {
        int64_t numa;
        enum zp_placement placement;
        unsigned groups;
    } rows[] = {
        {ZP_NUMA_AUTO, ZP_PLACEMENT_TOUCH, 3},
        {ZP_NUMA_LOCAL, ZP_PLACEMENT_LOCAL, 3},
        {ZP_NUMA_OFF, ZP_PLACEMENT_TOUCH, 0},
        {ZP_NUMA_INTERLEAVE, ZP_PLACEMENT_INTERLEAVE, 0},
        {7, ZP_PLACEMENT_NODE, 0},
        {3, ZP_PLACEMENT_TOUCH, 3}, // 3 has no memory
    };
    static const uint16_t node_of_cpu[ZP_PLACED_CPUS];
    struct zp_nodes nodes = {
        .online = 5, .count = 3, .usable = {0, 2, 3}, .node_of_cpu = node_of_cpu};
    zp_node_set_add(&nodes.memory, 0);
    zp_node_set_add(&nodes.memory, 7);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_up();
        machine.nodes = nodes;
        options.numa = rows[i].numa;
        resolve();
        const struct zp_placement_config *got = &config.placement;
        ck_assert_int_eq(got->placement, rows[i].placement);
        ck_assert_uint_eq(got->groups, rows[i].groups);
        ck_assert_int_eq(zp_node_set_has(&got->nodes, 7),
                         rows[i].placement >= ZP_PLACEMENT_INTERLEAVE);
        ck_assert_int_eq(zp_node_set_has(&got->nodes, 0),
                         rows[i].placement == ZP_PLACEMENT_INTERLEAVE);
        if (got->groups != 0)
            ck_assert_uint_eq(got->node_of[1], 2);
        ck_assert_ptr_eq(got->node_of_cpu, got->groups != 0 ? node_of_cpu : NULL);
        machine.nodes.online = 1;
        resolve();
        ck_assert_int_eq(config.placement.placement, ZP_PLACEMENT_TOUCH);
        ck_assert_uint_eq(config.placement.groups, 0);
    }
    machine.nodes.count = 33;
    resolve();
    ck_assert_uint_eq(config.shards, 64);
    ck_assert_int_eq(zp_machine_wanted(&options).nodes, true);
    options.numa = ZP_NUMA_OFF;
    ck_assert_int_eq(zp_machine_wanted(&options).nodes, false);
}
END_TEST

static size_t share(size_t total, size_t available, size_t retained)
{
    return zp_budget_share(&(struct zp_memory){.total = total, .available = available}, retained);
}

// Breaks when the budget is not a quarter of memory, or more than half of what is available, the
// pool's own included.
START_TEST(the_budget_follows_the_memory)
{
    ck_assert_uint_eq(share(16 * ZP_GIB, 16 * ZP_GIB, 0), 4 * ZP_GIB);
    ck_assert_uint_eq(share(400 * ZP_MIB, 400 * ZP_MIB, 0), 100 * ZP_MIB);
    ck_assert_uint_eq(share(400 * ZP_MIB, 200 * ZP_MIB, 0), 100 * ZP_MIB);
    ck_assert_uint_eq(share(400 * ZP_MIB, 150 * ZP_MIB, 0), 75 * ZP_MIB);
    ck_assert_uint_eq(share(400 * ZP_MIB, 100 * ZP_MIB, 60 * ZP_MIB), 80 * ZP_MIB);
    ck_assert_uint_eq(share(400 * ZP_MIB, 0, 60 * ZP_MIB), 30 * ZP_MIB);
    ck_assert_uint_eq(share(400 * ZP_MIB, SIZE_MAX, 60 * ZP_MIB), 100 * ZP_MIB);
    ck_assert_uint_eq(share(0, 0, 0), 0);
    set_up();
    resolve();
    ck_assert_uint_eq(config.budget, 4 * ZP_GIB);
    ck_assert_ptr_null((void *)(uintptr_t)config.decay.limits_now); // is the caller's to set
    machine.memory.available = 2 * ZP_GIB;
    resolve();
    ck_assert_uint_eq(config.budget, ZP_GIB);
    options.max_memory = 100 << 20;
    resolve();
    ck_assert_uint_eq(config.budget, 100 * ZP_MIB);
    options.max_memory = 0;
    resolve();
    ck_assert_uint_eq(config.budget, 0);
    options.max_memory = INT64_MAX;
    resolve();
    ck_assert_uint_eq(config.budget, INT64_MAX);
}
END_TEST

// Breaks when the pool of a group with a limit is not marked as reclaimable in time, or that of a
// machine pays for it.
START_TEST(what_may_be_unmarked)
{
    set_up();
    resolve();
    ck_assert_uint_eq(config.unmarked, SIZE_MAX);
    machine.memory =
        (struct zp_memory){.total = 512 * ZP_MIB, .available = 512 * ZP_MIB, .limited = true};
    resolve();
    ck_assert_uint_eq(config.unmarked, 8 * ZP_MIB);
}
END_TEST

// Breaks when a thread's part is more than a quarter of the budget, or, where buffers are scrubbed,
// more than pays.
START_TEST(a_threads_part)
{
    static const struct {
        int64_t zero;
        size_t budget, part;
    } cases[] = {
        {ZP_ZERO_FREE, 4 * ZP_GIB, 32 * ZP_MIB},   {ZP_ZERO_FREE, 128 * ZP_MIB, 32 * ZP_MIB},
        {ZP_ZERO_FREE, 100 * ZP_MIB, 25 * ZP_MIB}, {ZP_ZERO_FREE, 0, 0},
        {ZP_ZERO_OFF, 4 * ZP_GIB, ZP_GIB},         {ZP_ZERO_OFF, 100 * ZP_MIB, 25 * ZP_MIB},
    };
    set_up();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        options.zero = cases[i].zero;
        options.max_memory = (int64_t)cases[i].budget;
        resolve();
        ck_assert_uint_eq(config.put.thread_cache_bytes, cases[i].part);
    }
}
END_TEST

// Breaks when what is said about keeping and leaving is not passed on.
START_TEST(retaining_is_passed_on)
{
    set_up();
    resolve();
    ck_assert_int_eq(config.decay.idle_ms, 10000);
    ck_assert(config.reclaim && !config.decay.by_thread);
    ck_assert_ptr_eq(config.eviction, &zp_eviction_clockpro);
    options.decay_by = ZP_DECAY_BY_THREAD;
    resolve();
    ck_assert(config.decay.by_thread);
    options.decay_ms = 0;
    resolve();
    ck_assert(!config.decay.by_thread); // there is nothing for it to do
    options.decay_ms = -1;
    options.reclaim = ZP_RECLAIM_OFF;
    options.eviction = ZP_EVICTION_LIFO;
    resolve();
    ck_assert_int_eq(config.decay.idle_ms, ZP_DECAY_NEVER);
    ck_assert(!config.reclaim);
    ck_assert_ptr_eq(config.eviction, &zp_eviction_lifo);
}
END_TEST

// Breaks when what the user asked for is overruled by what the machine has.
START_TEST(the_user_decides)
{
    set_up();
    options.min_size = 64 << 10;
    options.shards = 128;
    options.tls_cache = 0;
    options.tls_bytes = 5 << 20;
    options.max_per_shard = 3;
    options.zero = ZP_ZERO_OFF;
    resolve();
    ck_assert_uint_eq(config.arena.smallest, 64 * ZP_KIB);
    ck_assert_uint_eq(config.shards, 128);
    ck_assert_uint_eq(config.thread_cache_most, 0);
    ck_assert_uint_eq(config.put.thread_cache_bytes, 5 * ZP_MIB);
    ck_assert_uint_eq(config.most_per_shard, 3);
    ck_assert(!config.content.scrub);
    options.zero = ZP_ZERO_FREE;
    resolve();
    ck_assert(config.content.scrub);
}
END_TEST

// Breaks when a buffer is not scrubbed when and where it was asked for.
START_TEST(when_to_scrub)
{
    static const struct {
        int64_t zero;
        bool scrub, again, behind, cached;
    } cases[] = {
        {ZP_ZERO_FREE, true, false, false, true},
        {ZP_ZERO_BOTH, true, true, false, false},
        {ZP_ZERO_BACKGROUND, true, false, true, true},
        {ZP_ZERO_OFF, false, false, false, true},
    };
    set_up();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        options.zero = cases[i].zero;
        resolve();
        ck_assert_int_eq(config.content.scrub, cases[i].scrub);
        ck_assert_int_eq(config.content.scrub_again, cases[i].again);
        ck_assert_int_eq(config.scrub_behind != 0, cases[i].behind);
        ck_assert_int_eq(config.thread_cache_most != 0, cases[i].cached);
    }
    options.zero = ZP_ZERO_BOTH; // what a thread's cache hands out is as it was put
    options.tls_cache = 5;
    resolve();
    ck_assert_uint_eq(config.thread_cache_most, 0);
}
END_TEST

// Breaks when checking does not go with thread caches switched off, or its parts are not all there.
START_TEST(checking_is_passed_on)
{
    set_up();
    resolve();
    ck_assert_int_eq(config.check, ZP_CHECK_BASIC);
    ck_assert(!config.arena.guarded && !config.arena.stacks && !config.content.verify);
    ck_assert_uint_eq(config.put.quarantine, 0);
    options.check = ZP_CHECK_OFF;
    resolve();
    ck_assert_int_eq(config.check, ZP_CHECK_OFF);
    options.stacks = ZP_STACKS_ON; // with any CHECK
    resolve();
    ck_assert(config.arena.stacks && !config.arena.guarded);
    options.stacks = ZP_STACKS_OFF;
    options.check = ZP_CHECK_FULL;
    options.max_memory = 100 * ZP_MIB;
    resolve();
    ck_assert_int_eq(config.check, ZP_CHECK_FULL);
    ck_assert(config.arena.guarded && config.content.verify && config.content.scrub);
    ck_assert(config.arena.stacks); // who freed it is part of what is found
    ck_assert_uint_eq(config.put.quarantine, 50 * ZP_MIB);
    ck_assert_uint_eq(config.thread_cache_most, 0);
}
END_TEST

// Breaks when what is to be made ready is not passed on.
START_TEST(prewarming_is_passed_on)
{
    set_up();
    options.prewarm.sizes[0] = (struct zp_prewarm){ZP_GIB, 3};
    resolve();
    ck_assert_uint_eq(config.prewarm.list[0].size, ZP_GIB);
    ck_assert_uint_eq(config.prewarm.list[0].count, 3);
    ck_assert_uint_eq(config.prewarm.count, 1);
}
END_TEST

// Breaks when many shards leave each of them next to nothing.
START_TEST(shards_keep_a_least_share)
{
    set_up();
    machine.cpus = 64;
    options.shards = 128;
    resolve();
    ck_assert_uint_ge(config.most_per_shard, 64);
    options.shards = 1;
    resolve();
    ck_assert_uint_eq(config.most_per_shard, 16384);
}
END_TEST

// Breaks when a limited address space is taken for the pool alone.
START_TEST(a_limited_address_space_is_shared)
{
    set_up();
    resolve();
    ck_assert_uint_eq(config.arena.reserve, SIZE_MAX);
    machine.address_space = 64 * ZP_GIB;
    resolve();
    ck_assert_uint_eq(config.arena.reserve, 16 * ZP_GIB);
}
END_TEST

// Breaks when huge pages are asked for against the user's or the system's word, where the process
// gets none, or where they are not of 2 MiB.
START_TEST(huge_pages_are_decided)
{
    static const struct {
        int64_t option;
        bool system, refused, large;
        enum zp_huge expected;
    } cases[] = {
        {ZP_THP_AUTO, true, false, false, ZP_HUGE_FILLED},
        {ZP_THP_AUTO, false, false, false, ZP_HUGE_NONE},
        {ZP_THP_ON, true, false, false, ZP_HUGE_ALL},
        {ZP_THP_ON, false, false, false, ZP_HUGE_ALL},
        {ZP_THP_OFF, true, false, false, ZP_HUGE_NONE},
        {ZP_THP_OFF, false, false, false, ZP_HUGE_NONE},
        {ZP_THP_AUTO, true, true, false, ZP_HUGE_NONE},
        {ZP_THP_ON, true, true, false, ZP_HUGE_NONE},
        {ZP_THP_AUTO, true, false, true, ZP_HUGE_NONE},
        {ZP_THP_ON, true, false, true, ZP_HUGE_NONE},
    };
    set_up();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        options.thp = cases[i].option;
        machine.huge_pages = cases[i].system;
        machine.huge_refused = cases[i].refused;
        machine.huge_too_large = cases[i].large;
        resolve();
        ck_assert_int_eq(config.arena.huge_pages, cases[i].expected);
    }
}
END_TEST

// Breaks when what the kernel does with commits is not passed on.
START_TEST(the_machine_is_passed_on)
{
    set_up();
    resolve();
    ck_assert(!config.arena.strict && !config.arena.huge_by_default);
    ck_assert_uint_gt(config.content.cpu_cache, 0);
    ck_assert_uint_le(config.content.cpu_cache, 32 * ZP_MIB);
    machine.strict = machine.huge_by_default = true;
    machine.mappings = 65530;
    resolve();
    ck_assert(config.arena.strict && config.arena.huge_by_default);
    ck_assert_uint_eq(config.arena.mappings, 32765); // the program needs some, too
}
END_TEST

// Breaks when what decides nothing is asked of the machine, or what decides something is not.
START_TEST(what_is_wanted_of_the_machine)
{
    set_up();
    struct zp_machine_wants wants = zp_machine_wanted(&options);
    ck_assert(wants.quota && wants.memory && wants.available && wants.cache && wants.huge_pages);
    for (machine.cpus = 1; machine.cpus <= wants.few_cpus; machine.cpus++) {
        struct zp_pool_config of_one = config;
        resolve();
        ck_assert(machine.cpus == 1 || memcmp(&config, &of_one, sizeof(config)) == 0);
    }
    options.max_memory = (int64_t)ZP_GIB;
    wants = zp_machine_wanted(&options);
    ck_assert(wants.memory && !wants.available); // what may be unmarked depends on the limit
    options.reclaim = ZP_RECLAIM_OFF;
    ck_assert(!zp_machine_wanted(&options).memory);
    options.shards = 8;
    ck_assert(!zp_machine_wanted(&options).quota);
    options.zero = ZP_ZERO_OFF;
    ck_assert(!zp_machine_wanted(&options).cache);
    options.thp = ZP_THP_OFF;
    ck_assert(!zp_machine_wanted(&options).huge_pages);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, defaults_follow_the_cpus);
    tcase_add_test(tests, placement_follows_the_nodes);
    tcase_add_test(tests, the_budget_follows_the_memory);
    tcase_add_test(tests, what_may_be_unmarked);
    tcase_add_test(tests, a_threads_part);
    tcase_add_test(tests, retaining_is_passed_on);
    tcase_add_test(tests, the_user_decides);
    tcase_add_test(tests, when_to_scrub);
    tcase_add_test(tests, checking_is_passed_on);
    tcase_add_test(tests, prewarming_is_passed_on);
    tcase_add_test(tests, shards_keep_a_least_share);
    tcase_add_test(tests, a_limited_address_space_is_shared);
    tcase_add_test(tests, huge_pages_are_decided);
    tcase_add_test(tests, the_machine_is_passed_on);
    tcase_add_test(tests, what_is_wanted_of_the_machine);
    return unit_run("resolve", tests);
}
