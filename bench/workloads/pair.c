// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does it cost to get a big buffer and put it back, when nobody touches it?
//
// The same loop of malloc and free for each size, in batches of about BATCH_SECONDS; the sizes take
// turns, so that a disturbance hits them alike. Nanoseconds for one malloc and one free.

#include "bench.h"

#define BATCHES 21
#define BATCH_SECONDS 0.004

static struct {
    const char *name;
    size_t size;
    size_t pairs; // in one batch
    double ns[BATCHES];
} cases[] = {
    {.name = "1MiB_ns", .size = MIB},
    {.name = "64MiB_ns", .size = 64 * MIB},
    {.name = "1GiB_ns", .size = GIB},
};

// Seconds for `pairs` of malloc and free. Never inlined: all sizes run the very same code.
static __attribute__((noinline)) double run_pairs(size_t size, size_t pairs)
{
    double start = bench_seconds();

    for (size_t i = 0; i < pairs; i++) {
        void *buffer = malloc(size);

        if (!buffer)
            bench_die("malloc");
        bench_keep(buffer);
        free(buffer);
    }
    return bench_seconds() - start;
}

static size_t pairs_for_a_batch(size_t size)
{
    size_t pairs = 16;

    while (run_pairs(size, pairs) < BATCH_SECONDS)
        pairs *= 2;
    return pairs;
}

int main(void)
{
    double clock_mhz;

    bench_pin();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cases[i].pairs = pairs_for_a_batch(cases[i].size);
    for (size_t batch = 0; batch < BATCHES; batch++)
        for (size_t i = 0; i < COUNT_OF(cases); i++)
            cases[i].ns[batch] =
                run_pairs(cases[i].size, cases[i].pairs) * 1e9 / (double)cases[i].pairs;

    clock_mhz = bench_clock_mhz();

    bench_open("pair");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        bench_samples(cases[i].name, cases[i].ns, BATCHES);
    if (clock_mhz > 0)
        bench_samples("clock_mhz", &clock_mhz, 1);
    bench_close();
    return 0;
}
