// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Placement on a machine with several NUMA nodes: scripts/vm-matrix has such machines. Breaks when
// a thread is given another node's buffer although its own has one, or when memory comes from
// another node than ZEROPOOL_NUMA says.
//
// usage: nodes CASE [NODE]

#include "core/zeropool.h"
#include "tests/preload/check.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#pragma weak zeropool_numa_node

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
        CHECK(zeropool_numa_node(buffers[i]) == (int)places[i].node);
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

static void named(size_t size, int node)
{
    for (unsigned i = 0; i < 2; i++) {
        run_on(i);
        char *buffer = get_written(size);
        CHECK(zeropool_numa_node(buffer) == node);
    }
}

int main(int argc, char **argv)
{
    require_library();
    CHECK(argc >= 2);
    find_places();
    if (strcmp(argv[1], "own-first") == 0)
        own_first(4 * MIB);
    else if (strcmp(argv[1], "local") == 0)
        local(8 * MIB);
    else if (strcmp(argv[1], "interleave") == 0)
        interleave(32 * MIB);
    else if (strcmp(argv[1], "named") == 0 && argc == 3)
        named(8 * MIB, atoi(argv[2]));
    else
        return 2;
    return EXIT_SUCCESS;
}
