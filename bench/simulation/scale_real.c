// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The turns of the simulation on this machine's CPUs and kernel, to hold the one against the other.
// Nobody touches the buffers: they are addresses and records.
//
// usage: bench-scale-real WORK [--cpus THREADS] [--most BUFFERS] [--shards N]
//
// Prints one JSON object like that of bench-scale: nanoseconds of a turn, the mean over all
// threads, of the round in which they were least disturbed.

#include "turns.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TURNS = 20000, WARM_UP = 2000, OTHERS = 32, THREADS_MOST = 128, ROUNDS = 15 };

static struct {
    enum work work;
    unsigned cpus, shards;
    size_t most;
    bool displaced; // is not done here
} asked = {.work = WORKS, .cpus = 2, .most = 1000};

static pthread_barrier_t barrier;
static double ns[ROUNDS][THREADS_MOST];

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "bench-scale-real: %s\n", why);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *run(void *argument)
{
    unsigned thread = (unsigned)(size_t)argument;
    bool pooled = asked.work == WORK_POOLED;
    size_t each = asked.most / asked.cpus;
    for (size_t i = 0; i < each + OTHERS; i++)
        turns_grow(thread);
    pthread_barrier_wait(&barrier);
    turns_shrink(thread, pooled ? OTHERS : each);
    pthread_barrier_wait(&barrier);
    turns_do(thread, WARM_UP);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        double start = now();
        turns_do(thread, TURNS);
        ns[round][thread] = (now() - start) / TURNS;
    }
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void print(void)
{
    double least = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        double sum = 0;
        for (unsigned i = 0; i < asked.cpus; i++)
            sum += ns[round][i];
        least = round == 0 || sum < least ? sum : least;
    }
    printf("{\"question\": \"scale\", \"%zu_ns\": [%.6g]}\n", asked.most, least / asked.cpus);
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"cpus", required_argument, NULL, 'c'},
                                            {"most", required_argument, NULL, 'm'},
                                            {"shards", required_argument, NULL, 's'},
                                            {"displaced", no_argument, NULL, 'd'},
                                            {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        unsigned number = optarg != NULL ? (unsigned)atoi(optarg) : 0;
        if (option == 'c')
            asked.cpus = number;
        else if (option == 'm')
            asked.most = number;
        else if (option == 's')
            asked.shards = number;
        else if (option == 'd')
            asked.displaced = true;
        else
            exit(2);
    }
    asked.work = optind < argc ? work_named(argv[optind]) : WORKS;
    if (asked.work == WORKS || asked.work == WORK_MISSED || asked.cpus < 1 ||
        asked.cpus > THREADS_MOST || asked.most < asked.cpus)
        fail("usage: bench-scale-real turn|shard|handed|pooled [--cpus N] [--most N] [--shards N]");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    struct zp_pool_config config;
    turns_configure(&config, asked.work, asked.cpus, asked.most);
    if (asked.shards != 0)
        config.shards = asked.shards;
    if (zp_pool_init(&config) != 0)
        fail("the pool does not start");
    turns_init(asked.work, asked.cpus, asked.most + (size_t)OTHERS * asked.cpus);
    pthread_barrier_init(&barrier, NULL, asked.cpus);
    pthread_t threads[THREADS_MOST];
    for (unsigned i = 0; i < asked.cpus; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(size_t)i) != 0)
            fail("no thread can be started");
    for (unsigned i = 0; i < asked.cpus; i++)
        pthread_join(threads[i], NULL);
    if (asked.displaced)
        printf("{\"question\": \"scale\"}\n");
    else
        print();
    return 0;
}
