// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does a batch save? 64 buffers of 1 MiB by one zeropool_get_batch, against 64 calls
// of zeropool_get, and the same for putting them. And zeropool_try_get, while other threads get and
// put under the same locks. The one program here that knows zeropool.h: linked with libzeropool.so.
//
//     ZEROPOOL_TLS_CACHE=0 bench-batch untouched
//     ZEROPOOL_TLS_CACHE=0 bench-batch written
//     ZEROPOOL_TLS_CACHE=0 bench-batch tries THREADS
//
// With `written` all of the buffers are written to before they are put: the put then takes the time
// of making them zero, and the processor's cache holds nothing of the pool when it begins. Both
// kinds of gets are timed after single puts, so that they find the same in the cache. The first of
// the single gets is also timed by itself.
//
// Single gets that the thread's own cache serves need no lock: without ZEROPOOL_TLS_CACHE=0 it is
// these that the first eight are.

#include "bench.h"
#include "core/zeropool.h"

#include <pthread.h>
#include <stdbool.h>

enum { COUNT = 64, ROUNDS = 501, ROUNDS_WRITTEN = 15, TRIES = 5001, THREADS_MOST = 64 };

static void *buffers[COUNT];
static size_t sizes[COUNT];
static double get_ns[ROUNDS], first_ns[ROUNDS], put_ns[ROUNDS];
static double get_batch_ns[ROUNDS], put_batch_ns[ROUNDS];
static double try_ns[TRIES];
static _Atomic bool done;

static double since(double start)
{
    return (bench_seconds() - start) * 1e9;
}

static void get_singly(size_t round)
{
    double start = bench_seconds();

    buffers[0] = zeropool_get(MIB);
    first_ns[round] = since(start);
    for (int i = 1; i < COUNT; i++)
        buffers[i] = zeropool_get(MIB);
    get_ns[round] = since(start);
}

static void put_singly(size_t round)
{
    double start = bench_seconds();

    for (int i = 0; i < COUNT; i++)
        zeropool_put(buffers[i]);
    put_ns[round] = since(start);
}

static void get_batch(size_t round)
{
    double start = bench_seconds();

    if (zeropool_get_batch(buffers, sizes, COUNT) != 0)
        bench_die("zeropool_get_batch");
    get_batch_ns[round] = since(start);
}

static void put_batch(size_t round)
{
    double start = bench_seconds();

    zeropool_put_batch(buffers, COUNT);
    put_batch_ns[round] = since(start);
}

static void time_batches(bool written)
{
    // Of what is done twice the second is kept, so that all gets that are kept follow single puts.
    static void (*const steps[])(size_t) = {get_batch,  put_batch,  get_singly,
                                            put_singly, get_singly, put_singly};
    size_t rounds = written ? ROUNDS_WRITTEN : ROUNDS;

    for (size_t round = 0; round < rounds; round++)
        for (size_t step = 0; step < COUNT_OF(steps); step++) {
            for (int i = 0; i < COUNT && written && step % 2 == 1; i++)
                memset(buffers[i], 1, MIB);
            steps[step](round);
        }
    bench_samples("get_ns", get_ns, rounds);
    bench_samples("first_ns", first_ns, rounds);
    bench_samples("get_batch_ns", get_batch_ns, rounds);
    bench_samples("put_ns", put_ns, rounds);
    bench_samples("put_batch_ns", put_batch_ns, rounds);
}

static void *get_and_put(void *unused)
{
    void *some[4];

    while (!done) {
        for (int i = 0; i < 4; i++)
            some[i] = zeropool_get(MIB);
        for (int i = 0; i < 4; i++)
            zeropool_put(some[i]);
    }
    return unused;
}

static void time_tries(unsigned threads)
{
    pthread_t others[THREADS_MOST];

    zeropool_prewarm(MIB, COUNT);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&others[i], NULL, get_and_put, NULL) != 0)
            bench_die("pthread_create");
    for (int i = 0; i < TRIES; i++) {
        double start = bench_seconds();
        void *buffer = zeropool_try_get(MIB);

        try_ns[i] = since(start);
        zeropool_put(buffer);
    }
    done = true;
    for (unsigned i = 0; i < threads; i++)
        pthread_join(others[i], NULL);
    bench_samples("try_ns", try_ns, TRIES);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    bool tries = strcmp(mode, "tries") == 0, written = strcmp(mode, "written") == 0;
    unsigned long threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

    if ((!tries && !written && strcmp(mode, "untouched") != 0) || threads > THREADS_MOST)
        bench_die("usage: bench-batch untouched | written | tries THREADS, up to 64");
    for (int i = 0; i < COUNT; i++)
        sizes[i] = MIB;
    bench_open("batch");
    if (tries)
        time_tries((unsigned)threads);
    else
        time_batches(written);
    bench_close();
    return 0;
}
