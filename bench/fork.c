// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does memory that an allocator keeps add to fork?
//
// A process with 256 MiB of its own in small pages forks a child that ends at once. Milliseconds of
// fork itself, as the parent sees it: with nothing kept (malloc_trim before), and after 1 GiB was
// written and freed, as buffers of three sizes. `still` is a fork after another, `reused` one after
// the buffers were taken, written and freed again, with nothing kept: and trimmed. `use` is that
// reuse; faults on memory that the fork left shared would show there.

#include "bench.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_BYTES (256 * MIB)
#define POOLED_BYTES GIB
#define LEAST_SIZE MIB
#define PAGE (4 * KIB)
#define ROUNDS 4
#define FORKS 6 // of a kind, in a round

static double nothing_ms[ROUNDS * FORKS], nothing_reused_ms[ROUNDS * FORKS];

static struct {
    size_t size;
    const char *still, *reused, *use;
    double still_ms[ROUNDS * FORKS], reused_ms[ROUNDS * FORKS], use_ms[ROUNDS * FORKS];
} cases[] = {
    {.size = 64 * MIB, .still = "64MiB_ms", .reused = "64MiB_reused_ms", .use = "64MiB_use_ms"},
    {.size = 4 * MIB, .still = "4MiB_ms", .reused = "4MiB_reused_ms", .use = "4MiB_use_ms"},
    {.size = MIB, .still = "1MiB_ms", .reused = "1MiB_reused_ms", .use = "1MiB_use_ms"},
};

static void write_pages(char *memory, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += PAGE)
        memory[at] = 1;
    bench_keep(memory);
}

static void have_own_memory(void)
{
    char *own = mmap(NULL, OWN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (own == MAP_FAILED)
        bench_die("mmap");
    madvise(own, OWN_BYTES, MADV_NOHUGEPAGE);
    write_pages(own, OWN_BYTES);
}

// Milliseconds to take buffers of `size` that are 1 GiB together, write to all pages, free them.
static double use(size_t size)
{
    static char *buffers[POOLED_BYTES / LEAST_SIZE];
    double start = bench_seconds();

    for (size_t i = 0; i < POOLED_BYTES / size; i++) {
        buffers[i] = malloc(size);
        if (!buffers[i])
            bench_die("malloc");
        write_pages(buffers[i], size);
    }
    for (size_t i = 0; i < POOLED_BYTES / size; i++)
        free(buffers[i]);
    return (bench_seconds() - start) * 1e3;
}

static double fork_ms(void)
{
    double start = bench_seconds(), end;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    end = bench_seconds();
    if (child < 0 || waitpid(child, NULL, 0) != child)
        bench_die("fork");
    return (end - start) * 1e3;
}

static void run_round(size_t round)
{
    malloc_trim(0);
    for (size_t i = round * FORKS; i < (round + 1) * FORKS; i++)
        nothing_ms[i] = fork_ms();
    for (size_t i = round * FORKS; i < (round + 1) * FORKS; i++) {
        use(POOLED_BYTES);
        malloc_trim(0);
        nothing_reused_ms[i] = fork_ms();
    }
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        malloc_trim(0);
        use(cases[c].size);
        for (size_t i = round * FORKS; i < (round + 1) * FORKS; i++)
            cases[c].still_ms[i] = fork_ms();
        for (size_t i = round * FORKS; i < (round + 1) * FORKS; i++) {
            cases[c].use_ms[i] = use(cases[c].size);
            cases[c].reused_ms[i] = fork_ms();
        }
    }
}

int main(void)
{
    have_own_memory();
    for (size_t round = 0; round < ROUNDS; round++)
        run_round(round);

    bench_open("fork");
    bench_samples("nothing_ms", nothing_ms, COUNT_OF(nothing_ms));
    bench_samples("nothing_reused_ms", nothing_reused_ms, COUNT_OF(nothing_reused_ms));
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        bench_samples(cases[c].still, cases[c].still_ms, ROUNDS * FORKS);
        bench_samples(cases[c].reused, cases[c].reused_ms, ROUNDS * FORKS);
        bench_samples(cases[c].use, cases[c].use_ms, ROUNDS * FORKS);
    }
    bench_close();
    return 0;
}
