// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does a buffer cost that is written to?
//
// malloc, a write to one byte of each page or to all of it, free; for two sizes, which take turns.
// Microseconds for all three together.

#include "bench.h"

#define BATCHES 9
#define BATCH_SECONDS 0.008
#define PAGE (4 * KIB)

static struct {
    const char *name;
    size_t size;
    size_t step;  // one byte of so many is written; 1 writes all
    size_t turns; // in one batch
    double us[BATCHES];
} cases[] = {
    {.name = "1MiB_pages_us", .size = MIB, .step = PAGE},
    {.name = "1MiB_all_us", .size = MIB, .step = 1},
    {.name = "16MiB_pages_us", .size = 16 * MIB, .step = PAGE},
    {.name = "16MiB_all_us", .size = 16 * MIB, .step = 1},
};

static void turn(size_t size, size_t step)
{
    char *buffer = bench_get(size);

    if (step == 1)
        memset(buffer, 0x5a, size);
    else
        for (size_t at = 0; at < size; at += step)
            buffer[at] = 1;
    bench_keep(buffer);
    free(buffer);
}

static double run_turns(size_t number, size_t turns)
{
    double start = bench_seconds();

    for (size_t i = 0; i < turns; i++)
        turn(cases[number].size, cases[number].step);
    return bench_seconds() - start;
}

static size_t turns_for_a_batch(size_t number)
{
    size_t turns = 1;

    run_turns(number, 1);
    while (run_turns(number, turns) < BATCH_SECONDS)
        turns *= 2;
    return turns;
}

int main(void)
{
    bench_pin();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cases[i].turns = turns_for_a_batch(i);
    for (size_t batch = 0; batch < BATCHES; batch++)
        for (size_t i = 0; i < COUNT_OF(cases); i++)
            cases[i].us[batch] = run_turns(i, cases[i].turns) * 1e6 / (double)cases[i].turns;

    bench_open("touch");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        bench_samples(cases[i].name, cases[i].us, BATCHES);
    bench_close();
    return 0;
}
