// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Placement on a machine with several NUMA nodes: scripts/vm-matrix has such machines. Breaks when
// a thread is given another node's buffer although its own has one, or when memory comes from
// another node than ZEROPOOL_NUMA says. A node may have CPUs and no memory: its threads are given
// other nodes'.
//
// usage: nodes CASE

#include "core/zeropool.h"
#include "tests/preload/check.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma weak zeropool_numa_node

enum { NODES_MOST = 1024 };

// A CPU of each of two nodes.
static struct {
    unsigned cpu, node;
} places[2];

static bool run_on_cpu(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static void run_on(unsigned place)
{
    CHECK(run_on_cpu(places[place].cpu));
}

static void find_places(void)
{
    unsigned found = 0;
    for (unsigned cpu = 0, here, node; cpu < CPU_SETSIZE && found < 2; cpu++) {
        if (!run_on_cpu(cpu))
            continue;
        CHECK(getcpu(&here, &node) == 0 && here == cpu);
        if (found == 0 || node != places[0].node) {
            places[found].cpu = cpu;
            places[found++].node = node;
        }
    }
    if (found < 2)
        check_skip("this machine has CPUs of one NUMA node alone");
}

static bool has_memory(unsigned node)
{
    char name[64], line[256];
    snprintf(name, sizeof(name), "/sys/devices/system/node/node%u/meminfo", node);
    FILE *file = fopen(name, "re");
    bool has = false;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *total = strstr(line, "MemTotal:");
        has = has || (total != NULL && strtoul(total + strlen("MemTotal:"), NULL, 10) != 0);
    }
    if (file != NULL)
        fclose(file);
    return has;
}

static char *get(size_t size)
{
    char *buffer = opaque(malloc(size));
    CHECK(buffer != NULL);
    return buffer;
}

static char *get_written(size_t size)
{
    char *buffer = get(size);
    memset(buffer, 1, size);
    return buffer;
}

// Both are freed on one node; each returns to a thread of the node that it came from.
static void own_first(size_t size)
{
    char *buffers[2];
    for (unsigned i = 0; i < 2; i++) {
        run_on(i);
        buffers[i] = get_written(size);
        CHECK(zeropool_numa_node(buffers[i]) == (int)places[i].node || !has_memory(places[i].node));
    }
    free(buffers[1]);
    free(buffers[0]);
    for (unsigned i = 0; i < 2; i++) {
        run_on(i);
        CHECK(get(size) == buffers[i]);
    }
}

// The thread that asks is on one node, the one that writes on the other.
static void local(size_t size)
{
    run_on(0);
    char *buffer = get(size);
    run_on(1);
    memset(buffer, 1, size);
    if (!has_memory(places[0].node))
        check_skip("the first node with CPUs has no memory");
    CHECK(zeropool_numa_node(buffer) == (int)places[0].node);
    CHECK(zeropool_numa_node(buffer + size - 1) == (int)places[0].node);
}

static void interleave(size_t size)
{
    char *buffer = get_written(size);
    int first = zeropool_numa_node(buffer);
    bool several = false;
    for (size_t at = 0; at < size; at += page_size())
        several = several || zeropool_numa_node(buffer + at) != first;
    CHECK(several);
}

// This program again, with a node named: the last one that has memory. It may be without CPUs.
static int name_a_node(char **argv)
{
    char number[16];
    unsigned node = NODES_MOST;
    do
        CHECK(node-- > 0);
    while (!has_memory(node));
    snprintf(number, sizeof(number), "%u", node);
    CHECK(setenv("ZEROPOOL_NUMA", number, 1) == 0);
    execv(argv[0], argv);
    return EXIT_FAILURE;
}

static int named(size_t size, int node)
{
    for (unsigned i = 0; i < 2; i++) {
        run_on(i);
        char *buffer = get_written(size);
        CHECK(zeropool_numa_node(buffer) == node);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    require_library();
    CHECK(argc == 2);
    const char *node = getenv("ZEROPOOL_NUMA");
    find_places();
    if (strcmp(argv[1], "own-first") == 0)
        own_first(4 * MIB);
    else if (strcmp(argv[1], "local") == 0)
        local(8 * MIB);
    else if (strcmp(argv[1], "interleave") == 0)
        interleave(32 * MIB);
    else if (strcmp(argv[1], "named") == 0)
        return node == NULL ? name_a_node(argv) : named(8 * MIB, atoi(node));
    else
        return 2;
    return EXIT_SUCCESS;
}
