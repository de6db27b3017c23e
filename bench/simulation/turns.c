// SPDX-License-Identifier: MIT OR Apache-2.0

#include "turns.h"

#include "pool_calls.h"

#include "config/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 6, THREADS_MOST = 128, TURNS_BETWEEN = 16, TURNS_A_MISS = 1024 };

// After a few of them there are no more addresses, so that no system call follows the search.
#define MISSED (48 * ZP_GIB)

static const char *const names[WORKS] = {"turn", "shard", "handed", "missed", "pooled"};

// On cache lines of its own, or threads would wait for each other here and not in the pool.
struct set {
    // A buffer and, in the bits that its alignment leaves, which size it has.
    _Alignas(2 * ZP_CACHE_LINE) uint64_t *live;
    size_t count;
    unsigned given_back[TURNS_BETWEEN]; // sizes
    uint64_t random, made, turns;
};

static struct {
    enum work work;
    unsigned threads;
    size_t most; // per thread
    struct set sets[THREADS_MOST];
} turns;

enum work work_named(const char *name)
{
    unsigned work = 0;
    while (work < WORKS && strcmp(name, names[work]) != 0)
        work++;
    return (enum work)work;
}

void turns_configure(struct zp_pool_config *config, enum work work, unsigned cpus, size_t most)
{
    static struct zp_options options; // the configuration points into it
    size_t memory = 6144 * ZP_GIB;
    struct zp_machine machine = {
        .cpus = cpus,
        .memory = {.total = memory, .available = memory, .complete = true},
        .address_space = SIZE_MAX,
        .cache = 32 * ZP_MIB,
        .mappings = 65530,
        .huge_pages = true,
    };
    zp_options_defaults(&options);
    options.zero = ZP_ZERO_OFF;
    if (work == WORK_SHARD || work == WORK_MISSED || work == WORK_POOLED)
        options.tls_cache = 0;
    if (work == WORK_POOLED) {
        options.max_memory = (int64_t)memory;
        options.max_per_shard = (int64_t)most;
    }
    zp_resolve(&options, &machine, config);
}

void turns_init(enum work work, unsigned threads, size_t most)
{
    turns.work = work;
    turns.threads = threads;
    turns.most = most / threads + 1;
    while (work == WORK_MISSED && pool_get(MISSED) != NULL)
        ;
    for (unsigned i = 0; i < threads; i++) {
        turns.sets[i] = (struct set){.random = i + 1};
        turns.sets[i].live = calloc(turns.most, sizeof(uint64_t));
        if (turns.sets[i].live == NULL)
            abort();
    }
}

// Half of all numbers are odd, half of the others are even once, and so on.
static unsigned size_of(uint64_t number)
{
    return number != 0 ? (unsigned)__builtin_ctzll(number) % SIZES : 0;
}

static uint64_t get(unsigned size)
{
    size_t bytes = (3 * ZP_MIB / 2) << size;
    void *buffer = pool_get(bytes);
    if (buffer != NULL)
        return (uint64_t)(uintptr_t)buffer | size;
    fprintf(stderr, "scale: the pool has no buffer of %zu bytes\n", bytes);
    exit(1);
}

static unsigned put(uint64_t live)
{
    pool_put((void *)(uintptr_t)(live & ~(uint64_t)(ZP_CACHE_LINE - 1)));
    return live % ZP_CACHE_LINE;
}

void turns_grow(unsigned thread)
{
    struct set *set = &turns.sets[thread];
    if (set->count < turns.most)
        set->live[set->count++] = get(size_of(++set->made));
}

void turns_shrink(unsigned thread, size_t live)
{
    struct set *set = &turns.sets[thread];
    while (set->count > live) {
        set->count--;
        set->given_back[set->count % TURNS_BETWEEN] = put(set->live[set->count]);
    }
}

static uint64_t next_random(struct set *set)
{
    set->random = set->random * 6364136223846793005u + 1442695040888963407u;
    return set->random >> 16;
}

void turns_do(unsigned thread, size_t count)
{
    unsigned partner = (thread + turns.threads / 2) % turns.threads;
    struct set *set = &turns.sets[thread];
    for (size_t i = 0; i < count; i++) {
        if (turns.work == WORK_MISSED && (set->turns + 8 * thread) % TURNS_A_MISS == 0)
            pool_get(MISSED);
        unsigned *size = &set->given_back[set->turns++ % TURNS_BETWEEN];
        uint64_t new = get(*size), random = next_random(set);
        bool hand_on = turns.work == WORK_HANDED && (set->turns & 1) != 0;
        uint64_t *live = &turns.sets[hand_on ? partner : thread].live[random % set->count];
        *size = put(__atomic_exchange_n(live, new, __ATOMIC_ACQ_REL));
    }
}

size_t turns_live(void)
{
    size_t live = 0;
    for (unsigned i = 0; i < turns.threads; i++)
        live += turns.sets[i].count;
    return live;
}
