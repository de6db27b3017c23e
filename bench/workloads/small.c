// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what do small blocks cost, which the pool only passes on?
//
// Two loops, nanoseconds for one malloc and one free: 64 bytes, freed at once; and a ring of live
// blocks of 16 to 1040 bytes in a random order fixed beforehand, in which each step frees the
// oldest block and makes a new one. The blocks are not touched: only the allocator is timed.

#include "bench.h"

#include <stdint.h>

#define BATCHES 21
#define PAIRS ((size_t)1 << 20) // of 64 bytes in one batch
#define STEPS ((size_t)1 << 18) // of the mix in one batch

#define LIVE 256   // blocks in the ring, a power of two
#define SIZES 4096 // in the table, a power of two
#define SMALLEST 16
#define BIGGEST 1040

static uint16_t sizes[SIZES];
static void *ring[LIVE];
static double pair_ns[BATCHES], mix_ns[BATCHES];

static void fill_sizes(void)
{
    uint32_t state = 2463534242; // xorshift: the same table in every run

    for (size_t i = 0; i < SIZES; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        sizes[i] = (uint16_t)(SMALLEST + state % (BIGGEST - SMALLEST + 1));
    }
}

static __attribute__((noinline)) double run_pairs(void)
{
    double start = bench_seconds();

    for (size_t i = 0; i < PAIRS; i++) {
        void *block = malloc(64);

        bench_keep(block);
        free(block);
    }
    return (bench_seconds() - start) * 1e9 / (double)PAIRS;
}

static __attribute__((noinline)) double run_mix(void)
{
    double start = bench_seconds();

    for (size_t i = 0; i < STEPS; i++) {
        void **oldest = &ring[i % LIVE];

        free(*oldest);
        *oldest = malloc(sizes[i % SIZES]);
        bench_keep(*oldest);
    }
    return (bench_seconds() - start) * 1e9 / (double)STEPS;
}

int main(void)
{
    bench_pin();
    fill_sizes();
    run_pairs(); // once untimed: pages, caches, the allocator's own start
    run_mix();
    for (size_t batch = 0; batch < BATCHES; batch++) {
        pair_ns[batch] = run_pairs();
        mix_ns[batch] = run_mix();
    }

    bench_open("small");
    bench_samples("pair_ns", pair_ns, BATCHES);
    bench_samples("mix_ns", mix_ns, BATCHES);
    bench_close();
    return 0;
}
