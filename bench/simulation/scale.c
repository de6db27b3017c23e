// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a pair of get and put costs with more CPUs and buffers than this machine has: the real core
// on a simulated machine (machine.h) and a simulated kernel (tests/simulated/kernel.h).
//
// usage: bench-scale WORK [--cpus N] [--nodes N] [--most BUFFERS] [--shards N] [--near]
// [--displaced]
//
// --near: neighbouring CPUs share a shard, not those that are far apart. --displaced: between two
// turns the owners of buffers fill all caches.
//
// Prints one JSON object: for each number of buffers from 1,000 on, ten times more each time, means
// over all turns of all CPUs, and what the kernel keeps for them.

#include "machine.h"
#include "turns.h"

#include "core/shard.h"
#include "tests/simulated/areas.h"
#include "tests/simulated/kernel.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TURNS = 6400, // of all CPUs together, that are measured
    TURNS_MISSED = 1024,
    WARM_UP = 3840, // before
    FEW = 10000,    // buffers: so few that the caches hold their records, once each has been used
    WARM_UP_FEW = 25600,
    OTHERS = 32, // pooled buffers per CPU; live ones where it is the pooled that are many
};

static struct {
    enum work work;
    unsigned cpus, nodes, shards; // 0 shards: as many as the library takes
    size_t most;
    bool displaced, near;
} asked = {.work = WORKS, .cpus = 128, .nodes = 8, .most = 1000000};

static struct machine_work total;
static size_t buffers_now;
static struct zp_thread_cache *caches[MACHINE_CPUS_MOST];

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "bench-scale: %s\n", why);
    exit(1);
}

// ---- A program with threads ------------------------------------------------------------------

static void *sleep_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

// libc then says that the process has several threads. This one has nothing to do with the pool.
static void start_another_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleep_for_ever, NULL) != 0)
        fail("no thread can be started");
}

// As zp_thread_set_up gives a thread its cache.
static void give_cache(unsigned cpu)
{
    struct zp_thread_cache *cache = zp_thread_cache_acquire(0);
    if (cache == NULL)
        fail("no thread cache");
    unsigned next = zp_shards_next_home(0);
    cache->home = asked.near ? cpu * asked.shards / asked.cpus : next;
    zp_thread_cache_enable(cache, true);
    caches[cpu] = cache;
}

static void start(void)
{
    kernel_install(65530);
    struct zp_pool_config config;
    turns_configure(&config, asked.work, asked.cpus, asked.most);
    if (asked.shards != 0)
        config.shards = asked.shards;
    asked.shards = config.shards;
    if (zp_pool_init(&config) != 0)
        fail("the pool does not start");
    turns_init(asked.work, asked.cpus, asked.most + (size_t)OTHERS * asked.cpus);
    for (unsigned cpu = 0; cpu < asked.cpus; cpu++)
        give_cache(cpu);
}

static void grow(size_t buffers)
{
    while (turns_live() < buffers) {
        for (unsigned cpu = 0; cpu < asked.cpus; cpu++) {
            zp_thread_cache = caches[cpu];
            turns_grow(cpu);
        }
    }
}

static void shrink(size_t live)
{
    for (unsigned cpu = 0; cpu < asked.cpus; cpu++) {
        zp_thread_cache = caches[cpu];
        turns_shrink(cpu, live / asked.cpus);
    }
}

// So many buffers are live, and some pooled; or the other way round.
static void fill(size_t buffers)
{
    size_t others = (size_t)OTHERS * asked.cpus;
    grow(buffers + others);
    shrink(asked.work == WORK_POOLED ? others : buffers);
}

// ---- Measuring -------------------------------------------------------------------------------

static void add(struct machine_work work)
{
    total.accesses += work.accesses;
    total.transfers += work.transfers;
    total.misses += work.misses;
    total.sleeps += work.sleeps;
    total.calls += work.calls;
    total.ns += work.ns;
    total.ns_asleep += work.ns_asleep;
    total.ns_kernel += work.ns_kernel;
}

// Of a CPU, that are measured. With gets that find nothing the same for each.
static unsigned turns_each(void)
{
    return asked.work == WORK_MISSED ? TURNS_MISSED : TURNS / asked.cpus;
}

static void work(unsigned cpu)
{
    zp_thread_cache = caches[cpu];
    turns_do(cpu, (buffers_now <= FEW ? WARM_UP_FEW : WARM_UP) / asked.cpus);
    machine_begin_measuring();
    for (unsigned i = 0; i < turns_each(); i++) {
        if (asked.displaced)
            machine_displace();
        if (asked.work == WORK_MISSED)
            machine_settle();
        turns_do(cpu, 1);
    }
    add(machine_end_measuring());
}

static void print(size_t buffers, const char *what, double value)
{
    printf(", \"%zu_%s\": [%.6g]", buffers, what, value);
}

static void measure(size_t buffers)
{
    struct zp_pool_stats before, after;
    zp_pool_stats(&before);
    total = (struct machine_work){0};
    buffers_now = buffers;
    machine_run(work);
    zp_pool_stats(&after);
    double turns = (double)turns_each() * asked.cpus;
    print(buffers, "accesses", (double)total.accesses / turns);
    print(buffers, "transfers", (double)total.transfers / turns);
    print(buffers, "misses", (double)total.misses / turns);
    print(buffers, "sleeps", (double)total.sleeps / turns);
    print(buffers, "calls", (double)total.calls / turns);
    print(buffers, "ns", total.ns / turns);
    print(buffers, "asleep_ns", total.ns_asleep / turns);
    print(buffers, "kernel_ns", total.ns_kernel / turns);
    double gets =
        (double)(zp_counters_served(&after.counters) - zp_counters_served(&before.counters));
    print(buffers, "fresh_percent",
          100 * (double)(after.counters.fresh - before.counters.fresh) / gets);
}

static size_t opened_records(void)
{
    size_t bytes = 0;
    for (unsigned region = 0; region < ZP_REGION_COUNT; region++)
        bytes += zp_region_use[region].opened * sizeof(struct zp_slot);
    return bytes;
}

static void measure_memory(size_t buffers)
{
    print(buffers, "record_bytes", (double)opened_records());
    print(buffers, "mappings", (double)areas_count());
    print(buffers, "committed_gib", (double)zp_arena_totals.committed / (double)ZP_GIB);
}

// ---- The whole -------------------------------------------------------------------------------

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"cpus", required_argument, NULL, 'c'},
                                            {"nodes", required_argument, NULL, 'n'},
                                            {"most", required_argument, NULL, 'm'},
                                            {"shards", required_argument, NULL, 's'},
                                            {"near", no_argument, NULL, 'h'},
                                            {"displaced", no_argument, NULL, 'd'},
                                            {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'c')
            asked.cpus = (unsigned)atoi(optarg);
        else if (option == 'n')
            asked.nodes = (unsigned)atoi(optarg);
        else if (option == 'm')
            asked.most = strtoull(optarg, NULL, 10);
        else if (option == 's')
            asked.shards = (unsigned)atoi(optarg);
        else if (option == 'h')
            asked.near = true;
        else if (option == 'd')
            asked.displaced = true;
        else
            exit(2);
    }
    asked.work = optind < argc ? work_named(argv[optind]) : WORKS;
    if (asked.work == WORKS || asked.cpus < 1 || asked.cpus > MACHINE_CPUS_MOST ||
        asked.nodes < 1 || asked.nodes > asked.cpus)
        fail("usage: bench-scale turn|shard|handed|missed|pooled [--cpus 1..128] [--nodes N] "
             "[--most N]");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    start_another_thread();
    machine_init(asked.cpus, asked.nodes);
    start();
    printf("{\"question\": \"scale\"");
    for (size_t buffers = 1000; buffers <= asked.most; buffers *= 10) {
        fill(buffers);
        measure(buffers);
        measure_memory(buffers);
    }
    printf("}\n");
    return 0;
}
