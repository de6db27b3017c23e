// SPDX-License-Identifier: MIT OR Apache-2.0

#include "cache.h"

#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    WAYS = 8,
    SETS = 2048,            // 1 MiB
    SHARED_LINES = 1 << 19, // 32 MiB
    LINES_SHIFT = 23,       // different lines that can be known
    LINES_MOST = 1 << LINES_SHIFT,
    CPU_WORDS = MACHINE_CPUS_MOST / 64,
};

// A line in a CPU's cache: its number, and whether this is the only one. 0: none.
struct set {
    uint64_t lines[WAYS]; // used last first
    bool alone[WAYS];
};

struct line {
    uint64_t number;
    uint64_t holders[CPU_WORDS]; // CPUs that have it
    uint64_t free_at;
};

static unsigned cpu_count, cpus_per_node;
static struct set *sets;                  // of all CPUs
static uint64_t *shared;                  // of all nodes
static struct line *lines;                // open addressing
static bool displaced[MACHINE_CPUS_MOST]; // of the node: its shared cache is full of other things

static void *room(size_t bytes)
{
    void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        abort();
    return mapped;
}

void cache_init(unsigned cpus, unsigned nodes)
{
    cpu_count = cpus;
    cpus_per_node = (cpus + nodes - 1) / nodes;
    sets = room((size_t)cpus * SETS * sizeof(*sets));
    shared = room((size_t)nodes * SHARED_LINES * sizeof(*shared));
    lines = room(LINES_MOST * sizeof(*lines));
}

static unsigned node_of(unsigned cpu)
{
    return cpu / cpus_per_node;
}

static struct line *find(uint64_t number)
{
    static size_t used;
    size_t at = (size_t)(number * 0x9E3779B97F4A7C15u >> (64 - LINES_SHIFT));
    while (lines[at].number != number && lines[at].number != 0)
        at = (at + 1) % LINES_MOST;
    if (lines[at].number == 0 && ++used > LINES_MOST / 4 * 3) {
        fprintf(stderr, "simulation: too many lines\n");
        exit(1);
    }
    lines[at].number = number;
    return &lines[at];
}

uint64_t *cache_free_at(uint64_t line)
{
    return &find(line)->free_at;
}

static struct set *set_of(unsigned cpu, uint64_t line)
{
    return &sets[(size_t)cpu * SETS + line % SETS];
}

// The way of a set that a line is in, or WAYS.
static unsigned way_of(const struct set *set, uint64_t line)
{
    unsigned way = 0;
    while (way < WAYS && set->lines[way] != line)
        way++;
    return way;
}

// Makes a way the one used last, with this line in it.
static void use(struct set *set, unsigned way, uint64_t line, bool alone)
{
    for (; way > 0; way--) {
        set->lines[way] = set->lines[way - 1];
        set->alone[way] = set->alone[way - 1];
    }
    set->lines[0] = line;
    set->alone[0] = alone;
}

bool cache_has(unsigned cpu, uint64_t line, bool to_write)
{
    struct set *set = set_of(cpu, line);
    unsigned way = way_of(set, line);
    if (way == WAYS)
        return false;
    bool alone = set->alone[way];
    use(set, way, line, alone);
    return alone || !to_write;
}

static uint64_t *shared_place(unsigned node, uint64_t line)
{
    return &shared[(size_t)node * SHARED_LINES + line % SHARED_LINES];
}

static void add(unsigned cpu, struct line *line, bool alone)
{
    struct set *set = set_of(cpu, line->number);
    unsigned way = way_of(set, line->number);
    if (way == WAYS) {
        way = WAYS - 1;
        uint64_t old = set->lines[way];
        if (old != 0) {
            find(old)->holders[cpu / 64] &= ~((uint64_t)1 << cpu % 64);
            *shared_place(node_of(cpu), old) = old;
        }
    }
    use(set, way, line->number, alone);
    line->holders[cpu / 64] |= (uint64_t)1 << cpu % 64;
}

static void drop(unsigned cpu, struct line *line)
{
    struct set *set = set_of(cpu, line->number);
    unsigned way = way_of(set, line->number);
    if (way < WAYS)
        set->lines[way] = 0;
    line->holders[cpu / 64] &= ~((uint64_t)1 << cpu % 64);
}

// What the other CPUs that have a line say: the farthest, if all of them have to drop it.
static enum cache_source ask_others(unsigned cpu, struct line *line, bool to_write)
{
    bool near = false, far = false, was_alone = false;
    for (unsigned other = 0; other < cpu_count; other++) {
        if (other == cpu || (line->holders[other / 64] >> other % 64 & 1) == 0)
            continue;
        struct set *set = set_of(other, line->number);
        unsigned way = way_of(set, line->number);
        if (way == WAYS)
            continue;
        *(node_of(other) == node_of(cpu) ? &near : &far) = true;
        was_alone = was_alone || set->alone[way];
        set->alone[way] = false;
        if (to_write)
            drop(other, line);
    }
    if (to_write || was_alone)
        return far ? FROM_OTHER_NODE : near ? FROM_SAME_NODE : FROM_MEMORY;
    return near ? FROM_SHARED_CACHE : far ? FROM_COPY : FROM_MEMORY;
}

enum cache_source cache_fetch(unsigned cpu, uint64_t number, bool to_write)
{
    struct line *line = find(number);
    enum cache_source source = ask_others(cpu, line, to_write);
    bool alone = to_write || source == FROM_MEMORY; // nobody else has it
    uint64_t *place = shared_place(node_of(cpu), number);
    if (source == FROM_MEMORY && cache_has(cpu, number, false))
        source = FROM_SHARED_CACHE; // it has it, and nobody else does
    else if (source == FROM_MEMORY && *place == number && !displaced[node_of(cpu)])
        source = FROM_SHARED_CACHE;
    if (to_write)
        *place = *place == number ? 0 : *place;
    add(cpu, line, alone);
    return source;
}

void cache_displace(unsigned cpu)
{
    memset(&sets[(size_t)cpu * SETS], 0, SETS * sizeof(*sets));
    displaced[node_of(cpu)] = true;
}
