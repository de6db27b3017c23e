// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what do buffers cost whose sizes never repeat?
//
// LIVE buffers of 5 to 25 MiB are held, each written whole. A turn frees one of them and gets
// another of another size; buffers and sizes are chosen at random, the same in every run.
// Milliseconds and page faults of all turns, and the peak of resident memory.

#include "bench.h"

#define LIVE 20
#define TURNS 1500
#define LEAST (5 * MIB)
#define MOST (25 * MIB)
#define SEED 124

static char *buffers[LIVE];
static uint64_t state = SEED;

static char *get_written(void)
{
    size_t size = LEAST + bench_random(&state) % (MOST - LEAST + 1);
    char *buffer = bench_get(size);

    memset(buffer, 0x5a, size);
    bench_keep(buffer);
    return buffer;
}

static void turn(void)
{
    size_t i = bench_random(&state) % LIVE;

    free(buffers[i]);
    buffers[i] = get_written();
}

int main(void)
{
    double start, ms, faults, peak_mib;

    bench_pin();
    for (size_t i = 0; i < LIVE; i++)
        buffers[i] = get_written();
    faults = bench_faults();
    start = bench_seconds();
    for (size_t i = 0; i < TURNS; i++)
        turn();
    ms = (bench_seconds() - start) * 1e3;
    faults = bench_faults() - faults;
    peak_mib = bench_peak_mib();

    bench_open("vary");
    bench_samples("ms", &ms, 1);
    bench_samples("faults", &faults, 1);
    bench_samples("peak_mib", &peak_mib, 1);
    bench_close();
    return 0;
}
