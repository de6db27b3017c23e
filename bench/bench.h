// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the benchmark programs share: a clock, a place to run, memory figures of this process, and
// printing samples as one JSON object.
//
// Always holds: the programs know nothing of zeropool. They measure whatever malloc they find, and
// print every sample they took; run.py does the statistics. Nothing here allocates while a program
// is measuring: the first print is after the last sample.

#ifndef ZP_BENCH_BENCH_H
#define ZP_BENCH_BENCH_H

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline _Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static inline double bench_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Tells the compiler that someone may use `buffer`, so that it cannot drop the work on it.
static inline void bench_keep(void *buffer)
{
    __asm__ volatile("" : : "r"(buffer) : "memory");
}

// Stays on the CPU it runs on. The buffer before makes the allocator start while it still sees the
// whole machine: some count the CPUs they may use.
static inline void bench_pin(void)
{
    cpu_set_t here;
    int cpu = sched_getcpu();

    free(malloc(MIB));
    if (cpu < 0)
        return;
    CPU_ZERO(&here);
    CPU_SET((size_t)cpu, &here);
    sched_setaffinity(0, sizeof(here), &here);
}

// The kB that a file of /proc such as /proc/self/status gives after `name`.
static inline double bench_proc_kib(const char *path, const char *name)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen(path, "r");

    if (!file)
        bench_die(path);
    while (kib < 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtol(line + strlen(name), NULL, 10);
    fclose(file);
    if (kib < 0)
        bench_die(name);
    return (double)kib;
}

// One JSON object: bench_open, any number of bench_samples, bench_close.
static inline void bench_open(const char *question)
{
    printf("{\"question\": \"%s\"", question);
}

static inline void bench_samples(const char *name, const double *samples, size_t count)
{
    printf(", \"%s\": [", name);
    for (size_t i = 0; i < count; i++)
        printf("%s%.6g", i ? ", " : "", samples[i]);
    printf("]");
}

static inline void bench_close(void)
{
    printf("}\n");
}

#endif
