// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A machine with several NUMA nodes, made up: which node the thread runs on, and what is asked of
// the kernel.

#include "config/nodes.h"
#include "core/commit.h"
#include "core/placement.h"
#include "core/thread.h"
#include "support.h"

static unsigned node_now;
static bool unknown_node;

static int made_up_getcpu(unsigned *cpu, unsigned *node)
{
    *cpu = 0;
    *node = node_now;
    if (!unknown_node)
        return 0;
    errno = ENOSYS;
    return -1;
}

static int cpu_now;
static unsigned getcpus;

static int made_up_cpu(void)
{
    errno = cpu_now >= 0 ? errno : ENOSYS;
    return cpu_now;
}

static int counted_getcpu(unsigned *cpu, unsigned *node)
{
    getcpus++;
    return made_up_getcpu(cpu, node);
}

static struct {
    unsigned calls;
    int policy, error;
    const char *from, *end;
    struct zp_node_set nodes;
} bound;

static long made_up_mbind(void *address, size_t length, int policy, const unsigned long *nodes,
                          unsigned long most, unsigned flags)
{
    ck_assert_uint_eq(most, ZP_NODES_MOST + 1);
    ck_assert_uint_eq(flags, 0);
    bound.calls++;
    bound.policy = policy;
    bound.from = address;
    bound.end = bound.from + length;
    memcpy(&bound.nodes, nodes, sizeof(bound.nodes));
    errno = bound.error;
    return bound.error == 0 ? 0 : -1;
}

// Nodes 1, 4 and 6 have CPUs; nodes 4 and 900 have memory.
static void start(struct zp_pool_config *config, enum zp_placement placement)
{
    zp_os_calls.getcpu = made_up_getcpu;
    zp_os_calls.mbind = made_up_mbind;
    config->placement.placement = placement;
    if (placement == ZP_PLACEMENT_INTERLEAVE || placement == ZP_PLACEMENT_NODE) {
        zp_node_set_add(&config->placement.nodes, 4);
        zp_node_set_add(&config->placement.nodes, placement == ZP_PLACEMENT_NODE ? 4 : 900);
    } else {
        config->placement.groups = 3;
        memcpy(config->placement.node_of, (uint16_t[]){1, 4, 6}, 3 * sizeof(uint16_t));
    }
    node_now = 4;
    unit_pool_start(config);
}

static void start_with(unsigned shards, unsigned cache, enum zp_placement placement)
{
    struct zp_pool_config config = unit_pool_config();
    config.shards = shards;
    config.thread_cache_most = cache;
    start(&config, placement);
}

// Breaks when a buffer goes to another node's shards than those it came for, or when a thread gets
// another node's although its own has one.
START_TEST(a_buffer_returns_to_its_node)
{
    start_with(8, 0, ZP_PLACEMENT_TOUCH);
    struct zp_slot *slots[3];
    static const unsigned numbers[] = {1, 4, 6};
    for (unsigned i = 0; i < 3; i++) {
        node_now = numbers[i];
        slots[i] = unit_get_or_fail(ZP_MIB);
        ck_assert_uint_eq(slots[i]->group, i);
        ck_assert_int_eq(zp_placement_node(slots[i]->group), (int)numbers[i]);
    }
    for (unsigned i = 0; i < 3; i++) { // freed by a thread of node 6
        unit_put_written(slots[i]);
        ck_assert_uint_eq(zp_shards_group(slots[i]->shard), i);
    }
    for (unsigned i = 3; i-- > 0;) {
        node_now = numbers[i];
        ck_assert_ptr_eq(unit_get_or_fail(ZP_MIB), slots[i]);
    }
    ck_assert_uint_eq(unit_counters().stolen, 0);
    ck_assert_uint_eq(bound.calls, 0); // where it is touched first
}
END_TEST

// Breaks when what another node holds is lost for a thread that has nothing of its own.
START_TEST(another_nodes_buffer_is_better_than_none)
{
    start_with(8, 4, ZP_PLACEMENT_TOUCH);
    struct zp_slot *slot = unit_get_or_fail(3 * ZP_MIB);
    unit_put_written(slot);
    zp_pool_flush();
    node_now = 6;
    ck_assert_ptr_eq(unit_get_or_fail(3 * ZP_MIB), slot);
    ck_assert_uint_eq(slot->group, 1); // and belongs there as before
    unit_put_written(slot);
    ck_assert_uint_eq(slot->state, ZP_SLOT_POOLED); // not in this thread's cache
    ck_assert_uint_eq(zp_shards_group(slot->shard), 1);
    struct zp_slot *own = unit_get_or_fail(9 * ZP_MIB);
    unit_put_written(own);
    ck_assert_uint_eq(own->state, ZP_SLOT_CACHED);
}
END_TEST

// Breaks when a thread that has been moved keeps to its old node, or one whose node is not known,
// or has no group, leaves its home.
START_TEST(a_thread_may_move)
{
    start_with(8, 4, ZP_PLACEMENT_TOUCH);
    unit_get_or_fail(ZP_MIB);
    unsigned home = zp_thread_cache->home;
    ck_assert_uint_eq(zp_shards_group(home), 1);
    node_now = 6;
    unit_get_or_fail(ZP_MIB);
    ck_assert_uint_eq(zp_shards_group(zp_thread_cache->home), 2);
    node_now = 0; // its CPUs came online later
    unit_get_or_fail(ZP_MIB);
    ck_assert_uint_eq(zp_shards_group(zp_thread_cache->home), 2);
    node_now = 5000;
    unit_get_or_fail(ZP_MIB);
    unknown_node = true;
    unit_get_or_fail(ZP_MIB);
    ck_assert_uint_eq(zp_shards_group(zp_thread_cache->home), 2);
    unknown_node = false;
    node_now = 4;
    unit_get_or_fail(ZP_MIB);
    ck_assert_uint_eq(zp_thread_cache->home, home);
}
END_TEST

// Breaks when a thread is taken for one of another node than its CPU's, when the kernel is asked
// although the table knows, or when it is not asked where the table does not.
START_TEST(a_cpu_tells_its_node)
{
    static uint16_t node_of_cpu[ZP_PLACED_CPUS];
    struct zp_pool_config config = unit_pool_config();
    memset(node_of_cpu, 0xFF, sizeof(node_of_cpu)); // ZP_NO_NODE
    memcpy(node_of_cpu, (uint16_t[]){4, 1, 0, ZP_NO_NODE, 6}, 5 * sizeof(uint16_t));
    node_of_cpu[ZP_PLACED_CPUS - 1] = 1;
    config.placement.node_of_cpu = node_of_cpu;
    zp_os_calls.sched_getcpu = made_up_cpu;
    start(&config, ZP_PLACEMENT_TOUCH);
    zp_os_calls.getcpu = counted_getcpu;
    static const struct {
        int cpu;
        unsigned group, asked;
    } cases[] = {
        {0, 1, 0},                  // node 4
        {1, 0, 0},                  // node 1
        {2, 7, 0},                  // node 0, which is in no group
        {3, 2, 1},                  // came online later
        {4, 2, 0},                  // node 6
        {ZP_PLACED_CPUS - 1, 0, 0}, // the last
        {ZP_PLACED_CPUS, 2, 1},     // behind the last
        {1 << 20, 2, 1},
        {-1, 2, 1}, // not known
    };
    node_now = 6; // what the kernel says
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cpu_now = cases[i].cpu;
        getcpus = 0;
        errno = 0;
        ck_assert_uint_eq(zp_placement_group(7), cases[i].group);
        ck_assert_uint_eq(getcpus, cases[i].asked);
        ck_assert_int_eq(errno, 0);
    }
    getcpus = 0;
    cpu_now = 1;
    ck_assert_uint_eq(unit_get_or_fail(ZP_MIB)->group, 0);
    ck_assert_uint_eq(getcpus, 0);
}
END_TEST

// Breaks when few shards leave a group without any, or the homes of a group are not spread.
START_TEST(groups_and_shards)
{
    unsigned shards = 1u << _i, most = shards > 4 ? shards / 4 : 1;
    start_with(shards, 4, ZP_PLACEMENT_TOUCH);
    for (node_now = 0; node_now < 8; node_now++) {
        unsigned group = zp_placement_group(0), first = zp_shards_next_home(0);
        ck_assert_uint_lt(first, shards);
        if (shards >= 4)
            ck_assert_uint_eq(zp_shards_group(first), group);
        for (unsigned i = 1; i < most; i++) {
            unsigned next = zp_shards_next_home(0);
            ck_assert_uint_ne(next, first);
            ck_assert_uint_eq(zp_shards_group(next), group);
        }
        first = zp_shards_home_in(first, 2);
        ck_assert_uint_lt(first, shards);
        zp_pool_put(unit_get_or_fail(ZP_MIB)->start);
        zp_pool_flush();
        zp_pool_trim();
    }
}
END_TEST

// Breaks when local memory is not asked for, for all that a buffer has and for nothing else.
START_TEST(local_memory)
{
    start_with(8, 0, ZP_PLACEMENT_LOCAL);
    struct zp_slot *slot = unit_get_or_fail(3 * ZP_MIB);
    ck_assert_uint_eq(bound.calls, 1);
    ck_assert_int_eq(bound.policy, ZP_OS_PREFER);
    ck_assert(bound.from == slot->base && bound.end == slot->base + slot->committed);
    for (unsigned node = 0; node < ZP_NODES_MOST; node++)
        ck_assert_int_eq(zp_node_set_has(&bound.nodes, node), node == 4);
    node_now = 6; // what it grows by comes from where it is
    const char *end = bound.end;
    ck_assert(zp_pool_resize(slot, 3 * ZP_MIB + ZP_MIB / 2));
    ck_assert_uint_eq(bound.calls, 2);
    ck_assert(bound.from == end && zp_node_set_has(&bound.nodes, 4));
    zp_pool_put(slot->start);
    ck_assert_ptr_eq(unit_get_or_fail(3 * ZP_MIB + ZP_MIB / 2), slot);
    ck_assert_uint_eq(bound.calls, 2); // a retained one is where it is
    unit_get_or_fail(ZP_MIB);          // a packed one comes from where it is touched
    ck_assert_uint_eq(bound.calls, 2);
}
END_TEST

// Breaks when a refused call is made for ever, ends a request, or changes errno.
START_TEST(a_refusal_is_quiet)
{
    static const struct {
        int error;
        unsigned calls;
    } cases[] = {{EPERM, 1}, {ENOSYS, 1}, {EINVAL, 3}, {ENOMEM, 3}};
    bound.error = cases[_i].error;
    start_with(8, 0, ZP_PLACEMENT_LOCAL);
    for (unsigned i = 0; i < 3; i++) {
        errno = 0;
        struct zp_slot *slot = unit_get_or_fail(3 * ZP_MIB);
        ck_assert_int_eq(errno, 0);
        memset(slot->base, 1, slot->committed);
    }
    ck_assert_uint_eq(bound.calls, cases[_i].calls);
}
END_TEST

static bool is_in_arena(void)
{
    return zp_arena_owns(bound.from) && zp_arena_owns(bound.end - 1);
}

// Breaks when memory that is for all nodes, or for one, is not asked for from the start, when what
// was given back comes from elsewhere the next time, or when mappings pay for it.
START_TEST(the_same_for_all)
{
    bool one = _i == 0;
    start_with(8, 0, one ? ZP_PLACEMENT_NODE : ZP_PLACEMENT_INTERLEAVE);
    ck_assert_uint_eq(bound.calls, 1);
    ck_assert_int_eq(bound.policy, one ? ZP_OS_PREFER : ZP_OS_INTERLEAVE);
    ck_assert(is_in_arena() && bound.from == (char *)zp_arena.base &&
              bound.end == bound.from + zp_arena.size);
    ck_assert(zp_node_set_has(&bound.nodes, 4));
    ck_assert_int_eq(zp_node_set_has(&bound.nodes, 900), !one);
    struct zp_slot *slot = unit_get_or_fail(3 * ZP_MIB);
    ck_assert_uint_eq(slot->group, 0);
    ck_assert_uint_eq(bound.calls, 1);
    size_t bytes = slot->committed;
    zp_pool_put(slot->start);
    zp_pool_trim();
    ck_assert_uint_eq(bound.calls, 2); // the addresses are reserved anew
    ck_assert(bound.from == slot->base && bound.end == slot->base + bytes);
}
END_TEST

static int counted_cpu(void)
{
    getcpus++;
    return 0;
}

// Breaks when a machine with one node pays for others.
START_TEST(one_node_pays_nothing)
{
    struct zp_pool_config config = unit_pool_config();
    zp_os_calls.getcpu = counted_getcpu;
    zp_os_calls.sched_getcpu = counted_cpu;
    zp_os_calls.mbind = made_up_mbind;
    config.placement.groups = (unsigned)_i;
    unit_pool_start(&config);
    for (unsigned i = 0; i < 3; i++)
        unit_put_written(unit_get_or_fail(3 * ZP_MIB));
    zp_pool_trim();
    unit_get_or_fail(ZP_MIB);
    ck_assert_uint_eq(getcpus + bound.calls, 0);
    ck_assert_uint_eq(zp_shards_group(3), 0);
}
END_TEST

// Breaks when what the kernel really answers is not what is made up above.
START_TEST(the_kernels_answers)
{
    int node = zp_os_node(), cpu = zp_os_cpu();
    ck_assert_int_ge(cpu, 0);
    ck_assert_int_lt(cpu, ZP_OS_CPUS_MOST);
    ck_assert_int_ge(node, 0);
    ck_assert_int_lt(node, ZP_NODES_MOST);
    void *some;
    struct zp_nodes nodes;
    zp_nodes_read("", NULL, 0, &nodes); // the node of this CPU may have no memory
    ck_assert_int_eq(zp_os_map(unit_page(), PROT_READ | PROT_WRITE, &some), 0);
    static const int policies[] = {ZP_OS_PREFER, ZP_OS_INTERLEAVE};
    for (unsigned i = 0; i < 2; i++) {
        int error = zp_os_bind(some, unit_page(), policies[i], nodes.memory.words, ZP_NODES_MOST);
        if (error == -EPERM || error == -ENOSYS)
            puts("not tried: mbind is refused here");
        else
            ck_assert_int_eq(error, 0);
    }
    zp_os_restrict();
    ck_assert_int_eq(zp_os_cpu(), -EPERM);
    ck_assert_int_eq(zp_os_node(), -EPERM);
    ck_assert_int_eq(zp_os_bind(some, unit_page(), ZP_OS_PREFER, nodes.memory.words, ZP_NODES_MOST),
                     -EPERM);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_buffer_returns_to_its_node);
    tcase_add_test(tests, another_nodes_buffer_is_better_than_none);
    tcase_add_test(tests, a_thread_may_move);
    tcase_add_test(tests, a_cpu_tells_its_node);
    tcase_add_loop_test(tests, groups_and_shards, 0, 8);
    tcase_add_test(tests, local_memory);
    tcase_add_loop_test(tests, a_refusal_is_quiet, 0, 4);
    tcase_add_loop_test(tests, the_same_for_all, 0, 2);
    tcase_add_loop_test(tests, one_node_pays_nothing, 0, 2);
    tcase_add_test(tests, the_kernels_answers);
    return unit_run("placement", tests);
}
