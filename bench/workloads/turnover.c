// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: does letting a buffer go cost more when more are kept?
//
//     bench-turnover KEPT
//
// Rounds of malloc of twice KEPT buffers of 1 MiB, then free of them all, untouched. An allocator
// with a budget for KEPT has one half of them there still and makes the other anew, and every free
// beyond the first half lets one go. Nanoseconds for one malloc and one free.

#include "bench.h"

#define MOST 4000
#define ROUNDS 15
#define ROUND_PAIRS (4 * MOST) // at least so many a round, in batches of twice KEPT

static void *buffers[2 * MOST];
static double pair_ns[ROUNDS];

static void run_batch(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffers[i] = malloc(MIB);
        if (!buffers[i])
            bench_die("malloc");
        bench_keep(buffers[i]);
    }
    for (size_t i = 0; i < count; i++)
        free(buffers[i]);
}

static double run_round(size_t count)
{
    double start = bench_seconds();
    size_t pairs = 0;

    for (; pairs < ROUND_PAIRS; pairs += count)
        run_batch(count);
    return (bench_seconds() - start) * 1e9 / (double)pairs;
}

int main(int argc, char **argv)
{
    size_t kept = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

    if (kept == 0 || kept > MOST)
        bench_die("usage: bench-turnover KEPT, up to 4000");
    bench_pin();
    run_batch(2 * kept);
    for (size_t i = 0; i < ROUNDS; i++)
        pair_ns[i] = run_round(2 * kept);

    bench_open("turnover");
    bench_samples("pair_ns", pair_ns, ROUNDS);
    bench_close();
    return 0;
}
