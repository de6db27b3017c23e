// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does a buffer cost of which little is written?
//
//     bench-partial fresh | written
//
// malloc of 8 MiB, a write to its first 64 KiB, free; "written": after an earlier owner has written
// all of such a buffer. malloc of 1 MiB, a write to one byte of each page, free; and for comparison
// a memset of 1 MiB: which lines of a page were written cannot be known, so nobody who overwrites
// them takes less. Microseconds for all of one turn, in batches of about BATCH_SECONDS.

#include "bench.h"

#define BATCHES 15
#define BATCH_SECONDS 0.01
#define PAGE (4 * KIB)
#define AREA (8 * MIB)
#define PART (64 * KIB)

static void turn_of_part(void)
{
    char *buffer = bench_get(AREA);

    memset(buffer, 0x5a, PART);
    bench_keep(buffer);
    free(buffer);
}

static void turn_of_pages(void)
{
    char *buffer = bench_get(MIB);

    for (size_t at = 0; at < MIB; at += PAGE)
        buffer[at] = 1;
    bench_keep(buffer);
    free(buffer);
}

static void turn_of_memset(void)
{
    static char memory[MIB];

    memset(memory, 0, MIB);
    bench_keep(memory);
}

static void write_all(void)
{
    char *buffer = bench_get(AREA);

    memset(buffer, 0x5a, AREA);
    bench_keep(buffer);
    free(buffer);
}

static struct {
    const char *name;
    void (*turn)(void);
    size_t turns; // in one batch
    double us[BATCHES];
} cases[] = {
    {.name = "part_us", .turn = turn_of_part},
    {.name = "pages_us", .turn = turn_of_pages},
    {.name = "memset_us", .turn = turn_of_memset},
};

static double run_turns(size_t number, size_t turns)
{
    double start = bench_seconds();

    for (size_t i = 0; i < turns; i++)
        cases[number].turn();
    return bench_seconds() - start;
}

static size_t turns_for_a_batch(size_t number)
{
    size_t turns = 4;

    run_turns(number, turns);
    while (run_turns(number, turns) < BATCH_SECONDS)
        turns *= 2;
    return turns;
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";

    if (strcmp(what, "fresh") != 0 && strcmp(what, "written") != 0)
        bench_die("usage: bench-partial fresh | written");
    bench_pin();
    if (strcmp(what, "written") == 0)
        write_all();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cases[i].turns = turns_for_a_batch(i);
    for (size_t batch = 0; batch < BATCHES; batch++)
        for (size_t i = 0; i < COUNT_OF(cases); i++)
            cases[i].us[batch] = run_turns(i, cases[i].turns) * 1e6 / (double)cases[i].turns;

    bench_open("partial");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        bench_samples(cases[i].name, cases[i].us, BATCHES);
    bench_close();
    return 0;
}
