// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: how soon and how smoothly does memory that lies idle go back to the kernel?
//
// GPT-2's 160 tensors are allocated, written and freed, and for IDLE_MS nothing happens. Then the
// program asks for a buffer now and then: malloc of 1 MiB aligned to that, which no thread cache
// serves, and free. Printed: the resident memory before, when freed, and after each of CALLS such
// calls, a malloc and a free being two; and how long each call took.

#include "bench.h"
#include "gpt2_shapes.h"

#define IDLE_MS 400 // twice ZEROPOOL_DECAY_MS as the question sets it
#define CALLS 40

static double rss_kib[CALLS], call_ms[CALLS];

static double resident(void)
{
    return bench_proc_kib("/proc/self/smaps_rollup", "Rss:");
}

static void use_tensors(void)
{
    static size_t bytes[GPT2_TENSORS];
    static char *tensors[GPT2_TENSORS];

    gpt2_sizes(bytes);
    for (size_t i = 0; i < GPT2_TENSORS; i++) {
        tensors[i] = malloc(bytes[i]);
        if (!tensors[i])
            bench_die("malloc");
        memset(tensors[i], 0x5a, bytes[i]);
        bench_keep(tensors[i]);
    }
    for (size_t i = 0; i < GPT2_TENSORS; i++)
        free(tensors[i]);
}

int main(void)
{
    const struct timespec idle = {0, IDLE_MS * 1000000L};
    double before = resident(), freed;
    void *buffer = NULL;

    use_tensors();
    freed = resident();
    nanosleep(&idle, NULL);
    for (size_t i = 0; i < CALLS; i++) {
        double start = bench_seconds();

        if (buffer) {
            free(buffer);
            buffer = NULL;
        } else if (!(buffer = aligned_alloc(MIB, MIB))) {
            bench_die("aligned_alloc");
        }
        call_ms[i] = (bench_seconds() - start) * 1e3;
        rss_kib[i] = resident();
    }

    bench_open("idle");
    bench_samples("before_kib", &before, 1);
    bench_samples("freed_kib", &freed, 1);
    bench_samples("rss_kib", rss_kib, CALLS);
    bench_samples("call_ms", call_ms, CALLS);
    bench_close();
    return 0;
}
