// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does it cost when one thread frees what another got?
//
//     bench-producer          one half of the threads malloc 1 MiB, the other half free it
//     bench-producer --none   they pass the same pointer on: what the queue itself costs
//
// Each pair of threads has a ring of RING pointers. Who finds it full or empty looks again a few
// times and then gives up the CPU. Million buffers a second of all pairs together, untouched, over
// SECONDS; 2 to 32 threads, left to the scheduler.

#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>

#define MOST_PAIRS 16
#define RING 64 // a power of two
#define LOOKS 64
#define SAMPLES 3
#define SECONDS 0.1

struct ring {
    _Alignas(128) atomic_size_t put;   // buffers that were ever put in
    _Alignas(128) atomic_size_t taken; // buffers that were ever taken out
    _Alignas(128) void *buffers[RING];
};

static struct pair {
    struct ring ring;
    pthread_t producer, consumer;
    size_t passed;
} pairs[MOST_PAIRS];

static pthread_barrier_t barrier;
static atomic_bool is_over;
static int is_none;
static char nothing;

static void wait_a_little(size_t *looks)
{
    if (++*looks % LOOKS == 0)
        sched_yield();
}

static void put(struct ring *ring, void *buffer)
{
    size_t put = atomic_load_explicit(&ring->put, memory_order_relaxed), looks = 0;

    while (put - atomic_load_explicit(&ring->taken, memory_order_acquire) == RING)
        wait_a_little(&looks);
    ring->buffers[put % RING] = buffer;
    atomic_store_explicit(&ring->put, put + 1, memory_order_release);
}

static void *take(struct ring *ring)
{
    size_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed), looks = 0;
    void *buffer;

    while (atomic_load_explicit(&ring->put, memory_order_acquire) == taken)
        wait_a_little(&looks);
    buffer = ring->buffers[taken % RING];
    atomic_store_explicit(&ring->taken, taken + 1, memory_order_release);
    return buffer;
}

static void *produce(void *argument)
{
    struct pair *pair = argument;

    pthread_barrier_wait(&barrier);
    while (!atomic_load_explicit(&is_over, memory_order_relaxed))
        put(&pair->ring, is_none ? &nothing : bench_get(MIB));
    put(&pair->ring, NULL);
    return NULL;
}

static void *consume(void *argument)
{
    struct pair *pair = argument;
    size_t passed = 0;
    void *buffer;

    pthread_barrier_wait(&barrier);
    for (; (buffer = take(&pair->ring)); passed++)
        if (!is_none)
            free(buffer);
    pair->passed = passed;
    return NULL;
}

static void start(size_t count)
{
    atomic_store(&is_over, 0);
    pthread_barrier_init(&barrier, NULL, (unsigned)count * 2 + 1);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&pairs[i].producer, NULL, produce, &pairs[i]) != 0 ||
            pthread_create(&pairs[i].consumer, NULL, consume, &pairs[i]) != 0)
            bench_die("pthread_create");
    pthread_barrier_wait(&barrier);
}

static double run(size_t count)
{
    double began, seconds;
    size_t passed = 0;

    start(count);
    began = bench_seconds();
    bench_sleep(SECONDS);
    atomic_store(&is_over, 1);
    for (size_t i = 0; i < count; i++) {
        pthread_join(pairs[i].producer, NULL);
        pthread_join(pairs[i].consumer, NULL);
        passed += pairs[i].passed;
    }
    seconds = bench_seconds() - began; // with what was still in the rings
    pthread_barrier_destroy(&barrier);
    return (double)passed / seconds / 1e6;
}

int main(int argc, char **argv)
{
    static double mops[MOST_PAIRS][SAMPLES];

    is_none = argc == 2 && strcmp(argv[1], "--none") == 0;
    if (argc != 1 && !is_none)
        bench_die("usage: bench-producer [--none]");
    run(1); // the allocator's own start
    for (size_t count = 1; count <= MOST_PAIRS; count *= 2)
        for (size_t i = 0; i < SAMPLES; i++)
            mops[count - 1][i] = run(count);

    bench_open("producer");
    for (size_t count = 1; count <= MOST_PAIRS; count *= 2) {
        char name[32];

        snprintf(name, sizeof(name), "producer%zu_mops", count * 2);
        bench_samples(name, mops[count - 1], SAMPLES);
    }
    bench_close();
    return 0;
}
