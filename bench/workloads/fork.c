// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does memory that an allocator keeps add to fork?
//
//     bench-fork SIZE            1 GiB was written and freed, as buffers of SIZE bytes
//     bench-fork SIZE --trim     ... and then given back, as far as malloc_trim does
//
// A process with 256 MiB of its own in small pages forks a child that ends at once. Milliseconds of
// CPU that fork takes in the parent: `still_ms` a fork after another, `reused_ms` when the buffers
// were taken, written and freed again before each. `use_ms` is that reuse: faults on pages that the
// fork left shared would show there.
//
// `nothing_` is the same before any buffer was asked for; in place of using buffers as much memory
// is mapped and unmapped, so that the processor's caches are as cold. It is of the same process,
// because how its own memory lies makes more of a difference from one to the next than what is
// asked here.

#include "bench.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_BYTES (256 * MIB)
#define KEPT_BYTES GIB
#define LEAST_SIZE MIB
#define PAGE (4 * KIB)
#define STILL 15
#define REUSED 4 // each with a use, which takes most of the time

struct forks {
    double still_ms[STILL], reused_ms[REUSED], use_ms[REUSED];
};

static char *map(size_t bytes, int advice)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        bench_die("mmap");
    madvise(memory, bytes, advice);
    return memory;
}

static void write_pages(char *memory, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += PAGE)
        memory[at] = 1;
    bench_keep(memory);
}

static void use_buffers(size_t size)
{
    static char *buffers[KEPT_BYTES / LEAST_SIZE];

    for (size_t i = 0; i < KEPT_BYTES / size; i++) {
        buffers[i] = malloc(size);
        if (!buffers[i])
            bench_die("malloc");
        write_pages(buffers[i], size);
    }
    for (size_t i = 0; i < KEPT_BYTES / size; i++)
        free(buffers[i]);
}

static void use_mapping(void)
{
    char *memory = map(KEPT_BYTES, MADV_HUGEPAGE);

    write_pages(memory, KEPT_BYTES);
    munmap(memory, KEPT_BYTES);
}

// Milliseconds of using buffers of this size, or a mapping if it is 0.
static double use(size_t size, int trim)
{
    double start = bench_seconds();

    if (size != 0)
        use_buffers(size);
    else
        use_mapping();
    if (trim)
        malloc_trim(0);
    return (bench_seconds() - start) * 1e3;
}

// The CPU time of this thread: the child may be given the CPU before fork returns here.
static double cpu_seconds(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static double fork_ms(void)
{
    double start = cpu_seconds(), end;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    end = cpu_seconds();
    if (child < 0 || waitpid(child, NULL, 0) != child)
        bench_die("fork");
    return (end - start) * 1e3;
}

static struct forks measure(size_t size, int trim)
{
    struct forks forks;

    use(size, trim);
    for (size_t i = 0; i < STILL; i++)
        forks.still_ms[i] = fork_ms();
    for (size_t i = 0; i < REUSED; i++) {
        forks.use_ms[i] = use(size, trim);
        forks.reused_ms[i] = fork_ms();
    }
    return forks;
}

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    struct forks nothing, kept;

    if (size < LEAST_SIZE || size > KEPT_BYTES)
        bench_die("usage: bench-fork SIZE [--trim], of 1 MiB up to 1 GiB");
    write_pages(map(OWN_BYTES, MADV_NOHUGEPAGE), OWN_BYTES);
    nothing = measure(0, 0);
    kept = measure(size, argc > 2);

    bench_open("fork");
    bench_samples("nothing_still_ms", nothing.still_ms, STILL);
    bench_samples("nothing_reused_ms", nothing.reused_ms, REUSED);
    bench_samples("still_ms", kept.still_ms, STILL);
    bench_samples("reused_ms", kept.reused_ms, REUSED);
    bench_samples("use_ms", kept.use_ms, REUSED);
    bench_close();
    return 0;
}
