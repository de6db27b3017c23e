// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: do large buffers fight for the same sets of the processor's caches when several are
// used in step?
//
// Arrays of 4 MiB, each a buffer of its own, used in step: 8 and 16 are read (their sum), 16 are
// written, and 16 are read a line per page (the columns of a matrix). Milliseconds for one pass
// over all.

#include "bench.h"

#define BATCHES 9
#define MOST 16
#define LENGTH (4 * MIB / sizeof(double))
#define ROW (4 * KIB / sizeof(double))

static double *arrays[MOST];
static volatile double kept; // so that no sum is left out

#define SUM8(i) (a[0][i] + a[1][i] + a[2][i] + a[3][i] + a[4][i] + a[5][i] + a[6][i] + a[7][i])
#define SUM16(i)                                                                                   \
    (SUM8(i) + a[8][i] + a[9][i] + a[10][i] + a[11][i] + a[12][i] + a[13][i] + a[14][i] + a[15][i])

#define READ(name, sum)                                                                            \
    static __attribute__((noinline)) void name(double *const restrict *a)                          \
    {                                                                                              \
        double sums[8] = {0};                                                                      \
                                                                                                   \
        for (size_t i = 0; i < LENGTH; i += 8)                                                     \
            for (size_t j = 0; j < 8; j++)                                                         \
                sums[j] += sum(i + j);                                                             \
        for (size_t j = 0; j < 8; j++)                                                             \
            kept = kept + sums[j];                                                                 \
    }

READ(read_8, SUM8)
READ(read_16, SUM16)

static __attribute__((noinline)) void write_16(double *const restrict *a)
{
    for (size_t i = 0; i < LENGTH; i += 8)
        for (size_t k = 0; k < 16; k++)
            for (size_t j = 0; j < 8; j++)
                a[k][i + j] = (double)(i + k);
}

static __attribute__((noinline)) void columns_16(double *const restrict *a)
{
    double sum = 0;

    for (size_t column = 0; column < ROW; column += 8)
        for (size_t i = column; i < LENGTH; i += ROW)
            for (size_t k = 0; k < 16; k++)
                sum += a[k][i];
    kept = sum;
}

static const struct {
    const char *name;
    void (*run)(double *const restrict *arrays);
} works[] = {{"read_8_ms", read_8},
             {"read_16_ms", read_16},
             {"write_16_ms", write_16},
             {"columns_16_ms", columns_16}};

static double ms[COUNT_OF(works)][BATCHES];

int main(void)
{
    bench_pin();
    for (size_t k = 0; k < MOST; k++)
        arrays[k] = memset(bench_get(4 * MIB), 0, 4 * MIB);
    for (size_t batch = 0; batch <= BATCHES; batch++)
        for (size_t work = 0; work < COUNT_OF(works); work++) {
            double begun = bench_seconds();

            works[work].run(arrays);
            if (batch > 0) // the first is not counted
                ms[work][batch - 1] = (bench_seconds() - begun) * 1e3;
        }
    for (size_t k = 0; k < MOST; k++)
        free(arrays[k]);

    bench_open("step");
    for (size_t work = 0; work < COUNT_OF(works); work++)
        bench_samples(works[work].name, ms[work], BATCHES);
    bench_close();
    return 0;
}
