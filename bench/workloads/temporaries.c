// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what do temporaries cost that live for one step of a calculation?
//
// A turn gets a buffer of 1 to 64 MiB, writes it, gets another of the same size, copies the one to
// the other and frees both. The sizes are random, the same in every run. Milliseconds and page
// faults of all turns.

#include "bench.h"

#define TURNS 150
#define LEAST (1 * MIB)
#define MOST (64 * MIB)
#define SEED 124

static void turn(size_t size)
{
    char *from = bench_get(size), *to;

    memset(from, 0x5a, size);
    bench_keep(from);
    to = bench_get(size);
    memcpy(to, from, size);
    bench_keep(to);
    free(from);
    free(to);
}

int main(void)
{
    uint64_t state = SEED;
    double start, ms, faults;

    bench_pin();
    faults = bench_faults();
    start = bench_seconds();
    for (size_t i = 0; i < TURNS; i++)
        turn(LEAST + bench_random(&state) % (MOST - LEAST + 1));
    ms = (bench_seconds() - start) * 1e3;
    faults = bench_faults() - faults;

    bench_open("temporaries");
    bench_samples("ms", &ms, 1);
    bench_samples("faults", &faults, 1);
    bench_close();
    return 0;
}
