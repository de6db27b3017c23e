// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does it cost to time the zeroing of a buffer?
//
// A look at the clock, in nanoseconds, and beside it the smallest piece that is timed: 64 KiB, just
// written, made zero by memset, in microseconds.

#include "bench.h"

#define TURNS 40
#define LOOKS 20000
#define PIECE (64 * KIB)

int main(void)
{
    static double clock_ns[TURNS], zeroing_us[TURNS];
    struct timespec now;

    bench_pin();
    char *piece = bench_get(PIECE);
    for (int i = 0; i < TURNS; i++) {
        double start = bench_seconds();
        for (int j = 0; j < LOOKS; j++)
            clock_gettime(CLOCK_MONOTONIC, &now);
        clock_ns[i] = (bench_seconds() - start) * 1e9 / LOOKS;
        start = bench_seconds();
        for (int j = 0; j < 200; j++) {
            memset(piece, 0, PIECE);
            bench_keep(piece);
        }
        zeroing_us[i] = (bench_seconds() - start) * 1e6 / 200;
    }
    free(piece);
    bench_open("clock");
    bench_samples("clock_ns", clock_ns, TURNS);
    bench_samples("zeroing_us", zeroing_us, TURNS);
    bench_close();
    return 0;
}
