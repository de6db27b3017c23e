// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: does a growing buffer pay for its bytes each time it grows?
//
// A buffer of 64 MiB, one byte of every page written, is doubled by realloc up to 4 GiB. Only the
// calls of realloc are timed. After each one the written bytes must all be there.

#include "bench.h"

#define FROM (64 * MIB)
#define PAGE (4 * KIB)
#define STEPS 6 // doublings: to 4 GiB

static double step_ms[STEPS];

static unsigned char mark_of(size_t offset)
{
    return (unsigned char)(offset / PAGE % 251 + 1); // never zero, and no period of a power of two
}

static void mark_pages(unsigned char *buffer)
{
    for (size_t offset = 0; offset < FROM; offset += PAGE)
        buffer[offset] = mark_of(offset);
}

static void check_pages(const unsigned char *buffer)
{
    for (size_t offset = 0; offset < FROM; offset += PAGE)
        if (buffer[offset] != mark_of(offset))
            bench_die("realloc lost what was in the buffer");
}

static unsigned char *grow(unsigned char *buffer, size_t size, double *ms)
{
    double start = bench_seconds();
    unsigned char *grown = realloc(buffer, size);

    *ms = (bench_seconds() - start) * 1e3;
    if (!grown)
        bench_die("realloc");
    return grown;
}

int main(void)
{
    double grow_ms = 0;
    unsigned char *buffer;

    bench_pin();
    buffer = malloc(FROM);
    if (!buffer)
        bench_die("malloc");
    mark_pages(buffer);
    for (size_t step = 0; step < STEPS; step++) {
        buffer = grow(buffer, FROM << (step + 1), &step_ms[step]);
        check_pages(buffer);
        grow_ms += step_ms[step];
    }
    free(buffer);

    bench_open("realloc");
    bench_samples("grow_ms", &grow_ms, 1);
    bench_samples("step_ms", step_ms, STEPS);
    bench_close();
    return 0;
}
