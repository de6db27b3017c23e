// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: how much memory does a buffer really take?
//
// BUFFERS buffers of 5,120,000 bytes, a size between two size classes and no multiple of a huge
// page, are written from end to end and held. What the process' resident memory grew by, against
// what was asked for. Read from smaps_rollup: the kernel counts there; status may lag behind.

#include "bench.h"

#define BUFFERS 20
#define BYTES ((size_t)5120000)

int main(void)
{
    static char *buffers[BUFFERS];
    double asked = (double)BYTES, grown;
    double before = bench_proc_kib("/proc/self/smaps_rollup", "Rss:");

    for (size_t i = 0; i < BUFFERS; i++) {
        buffers[i] = malloc(BYTES);
        if (!buffers[i])
            bench_die("malloc");
        memset(buffers[i], 0x5a, BYTES);
        bench_keep(buffers[i]);
    }
    grown = bench_proc_kib("/proc/self/smaps_rollup", "Rss:") - before;
    grown = grown * (double)KIB / BUFFERS;
    for (size_t i = 0; i < BUFFERS; i++)
        free(buffers[i]);

    bench_open("resident");
    bench_samples("asked_bytes", &asked, 1);
    bench_samples("resident_bytes", &grown, 1);
    bench_close();
    return 0;
}
