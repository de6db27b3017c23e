// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does a pair of malloc and free cost in the orders in which programs use buffers?
//
//     bench-patterns PATTERN...
//
//     thousand    1 MiB, again and again
//     pingpong    1 MiB and 2 MiB in turn
//     hotcold     1 MiB, but every tenth time 64 MiB
//     multisize   1, 2, 4, 8 and 16 MiB in turn
//     burst       64 of 1 MiB held at once, then freed in the same order
//     pressure    256 of 4 MiB held at once, then freed in the same order
//
// Nanoseconds for one malloc and one free, untouched, in batches of about BATCH_SECONDS.
// bench/peers/pools has the same orders for the pools of Rust.

#include "bench.h"

#define BATCHES 21
#define BATCH_SECONDS 0.004
#define MOST_HELD 256
#define MOST_ARGUMENTS 16

static void pair(size_t size)
{
    void *buffer = bench_get(size);

    bench_keep(buffer);
    free(buffer);
}

static void hold(size_t size, size_t count)
{
    void *held[MOST_HELD];

    for (size_t i = 0; i < count; i++) {
        held[i] = bench_get(size);
        bench_keep(held[i]);
    }
    for (size_t i = 0; i < count; i++)
        free(held[i]);
}

static void thousand(void)
{
    pair(MIB);
}

static void pingpong(void)
{
    pair(MIB);
    pair(2 * MIB);
}

static void hotcold(void)
{
    for (size_t i = 0; i < 9; i++)
        pair(MIB);
    pair(64 * MIB);
}

static void multisize(void)
{
    for (size_t size = MIB; size <= 16 * MIB; size *= 2)
        pair(size);
}

static void burst(void)
{
    hold(MIB, 64);
}

static void pressure(void)
{
    hold(4 * MIB, MOST_HELD);
}

static const struct pattern {
    const char *name, *key;
    void (*run)(void);
    size_t pairs; // in one run
} patterns[] = {
    {"thousand", "thousand_ns", thousand, 1}, {"pingpong", "pingpong_ns", pingpong, 2},
    {"hotcold", "hotcold_ns", hotcold, 10},   {"multisize", "multisize_ns", multisize, 5},
    {"burst", "burst_ns", burst, 64},         {"pressure", "pressure_ns", pressure, MOST_HELD},
};

static const struct pattern *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(patterns); i++)
        if (strcmp(patterns[i].name, name) == 0)
            return &patterns[i];
    bench_die("usage: bench-patterns PATTERN...");
}

static double run_batch(const struct pattern *pattern, size_t runs)
{
    double start = bench_seconds();

    for (size_t i = 0; i < runs; i++)
        pattern->run();
    return bench_seconds() - start;
}

static void measure(const struct pattern *pattern, double ns[BATCHES])
{
    size_t runs = 1;

    pattern->run();
    while (run_batch(pattern, runs) < BATCH_SECONDS)
        runs *= 2;
    for (size_t batch = 0; batch < BATCHES; batch++)
        ns[batch] = run_batch(pattern, runs) * 1e9 / (double)(runs * pattern->pairs);
}

int main(int argc, char **argv)
{
    static double ns[MOST_ARGUMENTS][BATCHES];

    if (argc > MOST_ARGUMENTS)
        bench_die("too many patterns");
    bench_pin();
    for (int i = 1; i < argc; i++)
        measure(find(argv[i]), ns[i]);

    bench_open("patterns");
    for (int i = 1; i < argc; i++)
        bench_samples(find(argv[i])->key, ns[i], BATCHES);
    bench_close();
    return 0;
}
