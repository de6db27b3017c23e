// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the benchmark programs share: a clock, a place to run, memory figures of this process, and
// printing samples as one JSON object.
//
// Always holds: the programs know nothing of zeropool. They measure whatever malloc they find, and
// print every sample they took; the suite does the statistics. Nothing here allocates while a
// program is measuring: the first print is after the last sample.

#ifndef ZP_BENCH_BENCH_H
#define ZP_BENCH_BENCH_H

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

static inline void bench_sleep(double seconds)
{
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

// A malloc that the benchmark cannot do without.
static inline void *bench_get(size_t size)
{
    void *buffer = malloc(size);

    if (!buffer)
        bench_die("malloc");
    return buffer;
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

// The clock rate that /proc/cpuinfo tells of the first CPU, or 0 if it tells none.
static inline double bench_clock_mhz(void)
{
    char line[256];
    double mhz = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");

    while (file && mhz == 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, "cpu MHz", 7) == 0 && strchr(line, ':'))
            mhz = strtod(strchr(line, ':') + 1, NULL);
    if (file)
        fclose(file);
    return mhz;
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

// The page faults of this process so far for which nothing was read.
static inline double bench_faults(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_minflt;
}

// The most memory that was resident at a time.
static inline double bench_peak_mib(void)
{
    return bench_proc_kib("/proc/self/status", "VmHWM:") / 1024;
}

// The next of a row of random numbers that is the same in every run: xorshift, of a state not 0.
static inline uint64_t bench_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
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
