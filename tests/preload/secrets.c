// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nothing that an earlier owner of a large buffer wrote is ever seen by a later one, whatever way
// the memory took between them: malloc, not calloc, finds zeros.

#include "check.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 3, HELD = 6, STEPS = 1200, PAGE = 4096 };

static const size_t smallest = MIB, largest = 12 * MIB;

static char *get(size_t size)
{
    char *buffer = malloc(size);
    CHECK(buffer != NULL && all_bytes(buffer, 0, malloc_usable_size(buffer)));
    return buffer;
}

static void write_all(char *buffer)
{
    memset(buffer, 0xa5, malloc_usable_size(buffer));
}

// What a buffer gains by growing must be zero.
static char *resize(char *buffer, size_t size)
{
    size_t usable = malloc_usable_size(buffer);
    buffer = realloc(buffer, size);
    CHECK(buffer != NULL);
    size_t now = malloc_usable_size(buffer);
    if (now > usable)
        CHECK(all_bytes(buffer + usable, 0, now - usable));
    return buffer;
}

// ---- At random -------------------------------------------------------------------------------

static size_t random_size(uint64_t *random)
{
    return smallest + next_random(random) % (largest - smallest);
}

// Leaves secrets in all of it, in a few pages, or in single bytes far apart: scrubbing goes by what
// is in memory.
static void write_some(char *buffer, uint64_t *random)
{
    size_t usable = malloc_usable_size(buffer);
    switch (next_random(random) % 4) {
    case 0:
        write_all(buffer);
        break;
    case 1:
        memset(buffer, 1, usable / 3);
        buffer[usable - 1] = 1;
        break;
    case 2:
        for (size_t at = 0; at < usable; at += 2 * PAGE)
            buffer[at] = 1;
        break;
    default:
        for (int i = 0; i < 20; i++)
            buffer[next_random(random) % usable] = 1;
    }
}

static void *random_steps(void *argument)
{
    uint64_t random = *(uint64_t *)argument;
    char *held[HELD] = {NULL};
    for (int step = 0; step < STEPS; step++) {
        char **buffer = &held[next_random(&random) % HELD];
        if (*buffer == NULL) {
            *buffer = get(random_size(&random));
            write_some(*buffer, &random);
        } else if (next_random(&random) % 3 == 0) {
            *buffer = resize(*buffer, random_size(&random));
            write_some(*buffer, &random);
        } else {
            free(*buffer);
            *buffer = NULL;
        }
    }
    for (int i = 0; i < HELD; i++)
        free(held[i]);
    return NULL;
}

static void by_threads(uint64_t seed)
{
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = seed + i;
        CHECK(pthread_create(&threads[i], NULL, random_steps, &seeds[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

// ---- Realloc ---------------------------------------------------------------------------------

// The tail that shrinking gives up, and the old place that growing leaves.
static void by_realloc(size_t size)
{
    char *buffer = get(4 * size);
    write_all(buffer);
    buffer = resize(buffer, size);
    char *other = get(4 * size);
    write_all(other);
    other = resize(other, 16 * size);
    free(get(4 * size));
    buffer = resize(buffer, 4 * size);
    free(buffer);
    free(other);
    free(get(4 * size));
    free(get(16 * size));
}

// From the small allocator to the pool and back.
static void by_realloc_across(void)
{
    char *buffer = malloc(MIB / 2);
    write_all(buffer);
    size_t usable = malloc_usable_size(buffer);
    buffer = realloc(buffer, 3 * MIB);
    CHECK(all_bytes(buffer + usable, 0, 3 * MIB - usable));
    write_all(buffer);
    buffer = realloc(buffer, MIB / 2);
    free(get(3 * MIB));
    free(buffer);
}

// ---- Processes -------------------------------------------------------------------------------

// What the parent freed before a fork, and what either side frees after it.
static void by_fork(size_t size)
{
    char *freed = get(size), *shared = get(size);
    write_all(freed);
    write_all(shared);
    free(freed);
    pid_t child = fork();
    free(shared);
    char *first = get(size), *second = get(size);
    write_all(first);
    free(first);
    free(get(size));
    free(second);
    if (child == 0)
        _exit(0);
    expect_success(child);
}

int main(void)
{
    require_library();
    uint64_t seed = test_seed(11);
    for (size_t size = MIB; size <= 8 * MIB; size *= 2) {
        by_realloc(size);
        by_fork(size);
    }
    by_realloc_across();
    by_threads(seed);
    by_fork(3 * MIB);
    return 0;
}
