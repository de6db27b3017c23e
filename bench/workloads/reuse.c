// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does it cost to use a pooled buffer again that the kernel might have taken?
//
// malloc of 64 MiB, a write to all of it, free; again and again. Milliseconds of a whole turn, and
// of its write alone, where the kernel's work shows that a mark on the memory causes.

#include "bench.h"

#define BYTES (64 * MIB)
#define TURNS 61 // the first makes the memory and is left out

static double turn_ms[TURNS], write_ms[TURNS];

int main(void)
{
    bench_pin();
    for (size_t i = 0; i < TURNS; i++) {
        double start = bench_seconds(), got, written;
        char *buffer = malloc(BYTES);

        if (!buffer)
            bench_die("malloc");
        got = bench_seconds();
        memset(buffer, 0x5a, BYTES);
        bench_keep(buffer);
        written = bench_seconds();
        free(buffer);
        turn_ms[i] = (bench_seconds() - start) * 1e3;
        write_ms[i] = (written - got) * 1e3;
    }

    bench_open("reuse");
    bench_samples("turn_ms", turn_ms + 1, TURNS - 1);
    bench_samples("write_ms", write_ms + 1, TURNS - 1);
    bench_close();
    return 0;
}
