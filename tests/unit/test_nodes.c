// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Machines with several NUMA nodes, as folders of files.

#include "config/nodes.h"
#include "folder.h"

static struct zp_nodes nodes;

#define NODE "/sys/devices/system/node/"

static void machine(const char *online, const char *memory)
{
    folder_write(NODE "online", online);
    if (memory != NULL)
        folder_write(NODE "has_memory", memory);
}

static void node(unsigned number, const char *cpus)
{
    char path[64];
    snprintf(path, sizeof(path), NODE "node%u/cpulist", number);
    folder_write(path, cpus);
}

static void probe(const unsigned long *cpus, size_t bytes)
{
    memset(&nodes, 0xA5, sizeof(nodes));
    zp_nodes_read(folder_root, cpus, bytes, &nodes);
}

static void probe_all(void)
{
    probe(NULL, 0);
}

// The nodes that are usable, as text.
static void usable_are(const char *expected)
{
    char text[1024] = "";
    for (unsigned i = 0; i < nodes.count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i > 0 ? " " : "",
                 nodes.usable[i]);
    ck_assert_str_eq(text, expected);
}

static void memory_is(const char *expected)
{
    char text[8192] = "";
    for (unsigned i = 0; i < ZP_NODES_MOST; i++)
        if (zp_node_set_has(&nodes.memory, i))
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u",
                     text[0] != '\0' ? " " : "", i);
    ck_assert_str_eq(text, expected);
}

// Breaks when a machine without files, with odd ones, or with one node has several.
START_TEST(one_node)
{
    static const char *const online[] = {"0\n", "", "many\n", "7-3\n", "-1\n"};
    probe_all();
    ck_assert_uint_eq(nodes.online, 1);
    ck_assert_uint_eq(nodes.count, 0);
    for (size_t i = 0; i < sizeof(online) / sizeof(online[0]); i++) {
        machine(online[i], "0-1\n");
        node(0, "0-3\n");
        probe_all();
        ck_assert_uint_eq(nodes.online, 1);
        ck_assert_uint_eq(nodes.count, 0);
        memory_is("0");
    }
}
END_TEST

// Breaks when a node is missed, or one counts that has no CPUs.
START_TEST(nodes_with_and_without_cpus)
{
    machine("0-3\n", "0-1,3\n");
    node(0, "0-1\n");
    node(1, "2,3\n");
    node(2, "4-7\n"); // has no memory
    node(3, "\n");    // has no CPUs: memory behind CXL
    probe_all();
    ck_assert_uint_eq(nodes.online, 4);
    usable_are("0 1 2");
    memory_is("0 1 3");
}
END_TEST

static unsigned node_of(unsigned cpu)
{
    return nodes.node_of_cpu[cpu];
}

// Breaks when the table gives a CPU another node, knows one that is offline or of no usable node,
// or keeps what an earlier look has found.
START_TEST(the_node_of_each_cpu)
{
    machine("0-2\n", NULL);
    node(0, "0-1,8\n");
    node(1, "2,1022-5000\n"); // longer than the table
    node(2, "\n");
    probe_all();
    for (unsigned cpu = 0; cpu < ZP_PLACED_CPUS; cpu++)
        ck_assert_uint_eq(node_of(cpu), cpu < 2 || cpu == 8      ? 0
                                        : cpu == 2 || cpu > 1021 ? 1
                                                                 : ZP_NO_NODE);
    node(1, "2\n");
    node(2, "9-10\n");
    unsigned long first = 1; // CPUs that this process may not use now, and may be given later
    probe(&first, sizeof(first));
    usable_are("0");
    ck_assert_uint_eq(node_of(2), 1);
    ck_assert_uint_eq(node_of(10), 2);
    ck_assert_uint_eq(node_of(1022), ZP_NO_NODE);
    machine("0\n", NULL);
    probe_all();
    ck_assert_ptr_null(nodes.node_of_cpu); // one node: nothing to tell apart
}
END_TEST

// Breaks when numbers with gaps, as on POWER, are taken for an index.
START_TEST(numbers_have_gaps)
{
    machine("0,8,252-255\n", "0,8,254\n");
    node(0, "0-79\n");
    node(8, "80-159\n");
    for (unsigned number = 252; number <= 255; number++)
        node(number, "\n");
    probe_all();
    ck_assert_uint_eq(nodes.online, 6);
    usable_are("0 8");
    memory_is("0 8 254");
}
END_TEST

// Breaks when a node counts whose CPUs this process may not use (affinity, cpusets), or whose CPUs
// are offline.
START_TEST(only_what_this_process_may_use)
{
    static const struct {
        unsigned long cpus;
        const char *usable;
    } cases[] = {{0xFF, "0 1 2"}, {0x0F, "0 1"}, {0x0C, "1"}, {0x10, "2"}, {0x40, ""}, {0, ""}};
    machine("0-2\n", "0-2\n");
    node(0, "0-1\n");
    node(1, "2-3\n");
    node(2, "4-5\n"); // 6 and 7 are offline
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        probe(&cases[i].cpus, sizeof(cases[i].cpus));
        usable_are(cases[i].usable);
        ck_assert_uint_eq(nodes.online, 3);
    }
}
END_TEST

// Breaks when CPUs with large numbers, or in long lists, are missed, or one beyond all is read.
START_TEST(many_cpus)
{
    unsigned long cpus[128] = {0};
    char list[4096] = "";
    for (unsigned cpu = 0; cpu < 512; cpu += 2)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%u", cpu > 0 ? "," : "", cpu);
    machine("0-1\n", NULL);
    node(0, list);
    node(1, "8190-99999999\n");
    cpus[510 / 64] = 1UL << 510 % 64;
    probe(cpus, sizeof(cpus));
    usable_are("0");
    memory_is("0 1"); // where the kernel does not say which have any
    cpus[8191 / 64] = 1UL << 8191 % 64;
    probe(cpus, sizeof(cpus));
    usable_are("0 1");
}
END_TEST

// Breaks when more nodes than there is room for overrun it.
START_TEST(more_nodes_than_groups)
{
    machine("0-2000\n", "0-2000\n");
    for (unsigned number = 0; number < 100; number++)
        node(number, "0\n");
    probe_all();
    ck_assert_uint_eq(nodes.count, ZP_GROUPS_MOST);
    ck_assert_uint_eq(nodes.usable[ZP_GROUPS_MOST - 1], ZP_GROUPS_MOST - 1);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_checked_fixture(tests, folder_make, folder_take_down);
    tcase_add_test(tests, one_node);
    tcase_add_test(tests, nodes_with_and_without_cpus);
    tcase_add_test(tests, the_node_of_each_cpu);
    tcase_add_test(tests, numbers_have_gaps);
    tcase_add_test(tests, only_what_this_process_may_use);
    tcase_add_test(tests, many_cpus);
    tcase_add_test(tests, more_nodes_than_groups);
    return unit_run("nodes", tests);
}
