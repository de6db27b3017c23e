// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does an allocator add to loading a checkpoint?
//
//     bench-loader FILE                  malloc and pread of every tensor, then free of them all
//     bench-loader FILE --warm           the limit: the same preads into buffers already there
//     bench-loader FILE --warm THREADS   the same by so many threads, each reading a part of every
//                                        tensor: what the memory allows those who share reads
//     bench-loader FILE --gap MS COUNT   after a first load, COUNT times: two loads at once, so
//                                        many milliseconds of other work off the clock, another
//                                        load
//
// The tensors are GPT-2's (gpt2_shapes.h), all held until the load is whole. FILE is in the page
// cache, so what is timed is the copy out of it and what the allocator does. One process loads
// LOADS times: the first load shows fresh memory, the later ones what was kept.
//
// The warm buffers are in huge pages where the kernel has them: the fastest memory to read into.

#include "bench.h"
#include "gpt2_shapes.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOADS 10
#define MOST_GAPS 100
#define MOST_THREADS 64
#define LOADS_AT_ONCE 2 // for each load after a gap

struct loader {
    int fd;
    size_t bytes[GPT2_TENSORS];
    char *tensors[GPT2_TENSORS];
};

static double load_ms[LOADS], free_ms[LOADS], minor_faults[LOADS];

static void open_checkpoint(struct loader *loader, const char *path)
{
    struct stat status;
    size_t total = 0;

    gpt2_sizes(loader->bytes);
    for (size_t i = 0; i < GPT2_TENSORS; i++)
        total += loader->bytes[i];
    loader->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (loader->fd < 0 || fstat(loader->fd, &status) != 0)
        bench_die(path);
    if ((size_t)status.st_size != total)
        bench_die("the file has not the size of the tensors of gpt2_shapes.h");
}

static void allocate(struct loader *loader, size_t i)
{
    loader->tensors[i] = malloc(loader->bytes[i]);
    if (!loader->tensors[i])
        bench_die("malloc");
}

static void read_all(int fd, char *to, size_t bytes, off_t at)
{
    for (size_t left = bytes; left > 0;) {
        ssize_t got = pread(fd, to, left, at);

        if (got <= 0)
            bench_die("pread");
        to += got;
        at += got;
        left -= (size_t)got;
    }
}

// With `allocating` false the buffers of before are read into.
static void load(struct loader *loader, int allocating)
{
    off_t at = 0;

    for (size_t i = 0; i < GPT2_TENSORS; i++) {
        if (allocating)
            allocate(loader, i);
        read_all(loader->fd, loader->tensors[i], loader->bytes[i], at);
        at += (off_t)loader->bytes[i];
    }
}

static void free_all(struct loader *loader)
{
    for (size_t i = 0; i < GPT2_TENSORS; i++)
        free(loader->tensors[i]);
}

// Buffers side by side in one mapping, each on pages of its own, touched by a first load.
static void make_warm(struct loader *loader)
{
    size_t total = 0;
    char *next;

    for (size_t i = 0; i < GPT2_TENSORS; i++)
        total += loader->bytes[i] + 4 * KIB;
    next = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (next == MAP_FAILED)
        bench_die("mmap");
    madvise(next, total, MADV_HUGEPAGE);
    for (size_t i = 0; i < GPT2_TENSORS; i++) {
        loader->tensors[i] = next;
        next += (loader->bytes[i] + 4 * KIB - 1) & ~(4 * KIB - 1);
    }
    load(loader, 0);
}

struct reader {
    const struct loader *loader;
    size_t number, of;
    pthread_t thread;
};

static struct reader readers[MOST_THREADS];
static pthread_barrier_t begun, ended;

// One of as many parts of every tensor as there are readers.
static void read_parts(const struct reader *reader)
{
    const struct loader *loader = reader->loader;
    off_t at = 0;

    for (size_t i = 0; i < GPT2_TENSORS; i++) {
        size_t from = loader->bytes[i] * reader->number / reader->of;
        size_t end = loader->bytes[i] * (reader->number + 1) / reader->of;

        if (end > from)
            read_all(loader->fd, loader->tensors[i] + from, end - from, at + (off_t)from);
        at += (off_t)loader->bytes[i];
    }
}

static void *read_on(void *reader)
{
    for (;;) {
        pthread_barrier_wait(&begun);
        read_parts(reader);
        pthread_barrier_wait(&ended);
    }
    return NULL;
}

// Reader 0 is the main thread.
static void start_readers(const struct loader *loader, size_t count)
{
    pthread_barrier_init(&begun, NULL, (unsigned)count);
    pthread_barrier_init(&ended, NULL, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        readers[i] = (struct reader){.loader = loader, .number = i, .of = count};
        if (i > 0 && pthread_create(&readers[i].thread, NULL, read_on, &readers[i]) != 0)
            bench_die("pthread_create");
    }
}

static void load_by_readers(void)
{
    pthread_barrier_wait(&begun);
    read_parts(&readers[0]);
    pthread_barrier_wait(&ended);
}

// `warm` is the number of threads that read into buffers already there, or 0.
static void measure(struct loader *loader, size_t warm, size_t round)
{
    double faults = bench_faults();
    double start = bench_seconds();
    double loaded;

    if (warm > 1)
        load_by_readers();
    else
        load(loader, !warm);
    loaded = bench_seconds();
    if (!warm)
        free_all(loader);
    free_ms[round] = (bench_seconds() - loaded) * 1e3;
    load_ms[round] = (loaded - start) * 1e3;
    minor_faults[round] = bench_faults() - faults;
}

// What a program does between two loads: computes, and makes and drops small blocks.
static void other_work(double seconds)
{
    static void *blocks[256];
    static unsigned numbers[MIB];
    double end = bench_seconds() + seconds;

    for (size_t i = 0; bench_seconds() < end; i++) {
        void **block = &blocks[i % COUNT_OF(blocks)];

        free(*block);
        *block = malloc(16 + i % 1024);
        for (size_t j = 1; j < 1024; j++)
            numbers[(i * 1024 + j) % MIB] += numbers[(i * 1024 + j - 1) % MIB] + (unsigned)j;
        bench_keep(numbers);
    }
    for (size_t i = 0; i < COUNT_OF(blocks); i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
}

// Milliseconds of load and free together.
static double turn_ms(struct loader *loader)
{
    double start = bench_seconds();

    load(loader, 1);
    free_all(loader);
    return (bench_seconds() - start) * 1e3;
}

static void measure_gaps(struct loader *loader, double seconds, size_t count)
{
    static double near_ms[MOST_GAPS * LOADS_AT_ONCE], after_ms[MOST_GAPS];

    if (count == 0 || count > MOST_GAPS)
        bench_die("COUNT: 1 to 100");
    turn_ms(loader);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < LOADS_AT_ONCE; j++)
            near_ms[i * LOADS_AT_ONCE + j] = turn_ms(loader);
        other_work(seconds);
        after_ms[i] = turn_ms(loader);
    }

    bench_open("gaps");
    bench_samples("near_ms", near_ms, count * LOADS_AT_ONCE);
    bench_samples("after_ms", after_ms, count);
    bench_close();
}

static void measure_loads(struct loader *loader, size_t warm)
{
    double peak;

    if (warm)
        make_warm(loader);
    if (warm > 1)
        start_readers(loader, warm);
    for (size_t round = 0; round < LOADS; round++)
        measure(loader, warm, round);
    peak = bench_proc_kib("/proc/self/status", "VmHWM:");

    bench_open("loader");
    bench_samples("load_ms", load_ms, LOADS);
    bench_samples("free_ms", free_ms, LOADS);
    bench_samples("minor_faults", minor_faults, LOADS);
    bench_samples("peak_kib", &peak, 1);
    bench_close();
}

int main(int argc, char **argv)
{
    static struct loader loader;
    int warms = (argc == 3 || argc == 4) && strcmp(argv[2], "--warm") == 0;
    int gaps = argc == 5 && strcmp(argv[2], "--gap") == 0;
    size_t warm = !warms ? 0 : argc == 3 ? 1 : strtoul(argv[3], NULL, 10);

    if ((argc != 2 && !warm && !gaps) || warm > MOST_THREADS)
        bench_die("usage: bench-loader FILE [--warm [THREADS] | --gap MS COUNT]");
    open_checkpoint(&loader, argv[1]);
    if (gaps)
        measure_gaps(&loader, strtod(argv[3], NULL) / 1e3, strtoul(argv[4], NULL, 10));
    else
        measure_loads(&loader, warm);
    return 0;
}
