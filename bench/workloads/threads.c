// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what becomes of get and put when many threads do it?
//
//     bench-threads untouched | touched
//
// 1 to 32 threads each malloc and free 1 MiB in a loop for SECONDS, untouched or with one byte of
// each page written. Million pairs a second of all threads together. The threads are left to the
// scheduler. The two have a process each: what was written once may cost its later owners more.

#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>

#define MOST_THREADS 32
#define SAMPLES 2
#define SECONDS 0.1
#define PAGE (4 * KIB)

struct worker {
    _Alignas(128) size_t pairs; // of its own cache lines
    pthread_t thread;
};

static struct worker workers[MOST_THREADS];
static pthread_barrier_t barrier;
static atomic_bool is_over;
static int is_touching;

static void *work(void *argument)
{
    struct worker *worker = argument;
    size_t pairs = 0;

    pthread_barrier_wait(&barrier);
    for (; !atomic_load_explicit(&is_over, memory_order_relaxed); pairs++) {
        char *buffer = bench_get(MIB);

        if (is_touching)
            for (size_t at = 0; at < MIB; at += PAGE)
                buffer[at] = 1;
        bench_keep(buffer);
        free(buffer);
    }
    worker->pairs = pairs;
    return NULL;
}

static double run(size_t count)
{
    double start, seconds;
    size_t pairs = 0;

    atomic_store(&is_over, 0);
    pthread_barrier_init(&barrier, NULL, (unsigned)count + 1);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            bench_die("pthread_create");
    pthread_barrier_wait(&barrier);
    start = bench_seconds();
    bench_sleep(SECONDS);
    atomic_store(&is_over, 1);
    seconds = bench_seconds() - start;
    for (size_t i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        pairs += workers[i].pairs;
    }
    pthread_barrier_destroy(&barrier);
    return (double)pairs / seconds / 1e6;
}

int main(int argc, char **argv)
{
    static struct {
        char name[32];
        double mops[SAMPLES];
    } figures[32], *end = figures;
    const char *what = argc == 2 ? argv[1] : "";

    is_touching = strcmp(what, "touched") == 0;
    if (!is_touching && strcmp(what, "untouched") != 0)
        bench_die("usage: bench-threads untouched | touched");
    run(1); // the allocator's own start
    for (size_t count = 1; count <= MOST_THREADS; count *= 2, end++) {
        snprintf(end->name, sizeof(end->name), "%s%zu_mops", is_touching ? "touched" : "threads",
                 count);
        for (size_t i = 0; i < SAMPLES; i++)
            end->mops[i] = run(count);
    }

    bench_open("threads");
    for (size_t i = 0; &figures[i] < end; i++)
        bench_samples(figures[i].name, figures[i].mops, SAMPLES);
    bench_close();
    return 0;
}
