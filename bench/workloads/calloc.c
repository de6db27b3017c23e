// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: does calloc of a big buffer write to it, and what does it cost?
//
// calloc of 512 MiB and free, again and again, the buffer untouched. Microseconds for both; and by
// how much the resident memory of the process has grown while the buffer is held.

#include "bench.h"

#define BYTES (512 * MIB)
#define TURNS 6

static double pair_us[TURNS], grown_kib[TURNS];

static double resident(void)
{
    return bench_proc_kib("/proc/self/smaps_rollup", "Rss:");
}

int main(void)
{
    double before;

    bench_pin();
    before = resident();
    for (size_t i = 0; i < TURNS; i++) {
        double start = bench_seconds(), got, freeing;
        char *buffer = calloc(1, BYTES);

        if (!buffer)
            bench_die("calloc");
        bench_keep(buffer);
        got = bench_seconds();
        grown_kib[i] = resident() - before;
        freeing = bench_seconds();
        free(buffer);
        pair_us[i] = (bench_seconds() - freeing + got - start) * 1e6;
    }

    bench_open("calloc");
    bench_samples("pair_us", pair_us, TURNS);
    bench_samples("grown_kib", grown_kib, TURNS);
    bench_close();
    return 0;
}
