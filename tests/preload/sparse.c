// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is used here and there costs what is touched, not a huge page for each place: the stacks of
// threads that the program makes itself, and large tables with little in them. Breaks when memory
// comes in huge pages before it is known that all of it will be written.
//
// usage: sparse stacks HOW | sparse table HOW [after]
//   HOW    who the memory is from: malloc, calloc, posix_memalign, aligned_alloc, valloc, or
//          realloc, which grows it
//   after  other buffers of the size were written to the end and freed before

#include "check.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { STACKS = 300, PLACES = 256, FILLED = 6 };

#define STACK_SIZE (8 * MIB)
#define TABLE_SIZE (512 * MIB)

// What all of it may cost beyond the pages touched: tables of pages are not counted as resident.
#define MOST_RESIDENT (32 * MIB)

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

static void *grown(size_t size)
{
    char *memory = NULL;
    for (size_t now = size / 64; now <= size; now *= 2) {
        memory = realloc(memory, now);
        CHECK(memory != NULL);
        memory[now / 2] = 1;
    }
    return memory;
}

static void *allocate(const char *how, size_t size)
{
    void *memory = NULL;
    if (strcmp(how, "malloc") == 0)
        memory = malloc(size);
    else if (strcmp(how, "calloc") == 0)
        memory = calloc(1, size);
    else if (strcmp(how, "posix_memalign") == 0)
        CHECK(posix_memalign(&memory, 4096, size) == 0);
    else if (strcmp(how, "aligned_alloc") == 0)
        memory = aligned_alloc(4096, size);
    else if (strcmp(how, "valloc") == 0)
        memory = valloc(size);
    else if (strcmp(how, "realloc") == 0)
        memory = grown(size);
    CHECK(memory != NULL);
    return memory;
}

// The same function asks for these as for what follows: the call site tells nothing either.
static void fill_others(const char *how, size_t size)
{
    void *buffers[FILLED];
    for (unsigned i = 0; i < FILLED; i++)
        memset(buffers[i] = allocate(how, size), 1, size);
    for (unsigned i = 0; i < FILLED; i++)
        free(buffers[i]);
}

// ---- Stacks ----------------------------------------------------------------------------------

static pthread_barrier_t all;

static void *use_stack(void *unused)
{
    volatile char local[2000];
    for (size_t i = 0; i < sizeof(local); i += 100)
        local[i] = 1;
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all);
    return unused;
}

static void stacks(const char *how)
{
    pthread_t threads[STACKS];
    void *memory[STACKS];
    pthread_barrier_init(&all, NULL, STACKS + 1);
    for (unsigned i = 0; i < STACKS; i++) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        memory[i] = allocate(how, STACK_SIZE);
        CHECK(pthread_attr_setstack(&attributes, memory[i], STACK_SIZE) == 0);
        CHECK(pthread_create(&threads[i], &attributes, use_stack, NULL) == 0);
    }
    pthread_barrier_wait(&all);
    size_t cost = resident();
    pthread_barrier_wait(&all);
    for (unsigned i = 0; i < STACKS; i++) {
        pthread_join(threads[i], NULL);
        free(memory[i]);
    }
    CHECK(cost < MOST_RESIDENT);
}

// ---- Tables ----------------------------------------------------------------------------------

static void table(const char *how)
{
    char *memory = allocate(how, TABLE_SIZE);
    for (size_t i = 0; i < PLACES; i++)
        memory[i * (TABLE_SIZE / PLACES) + 5] = 1;
    CHECK(resident() < MOST_RESIDENT);
    free(memory);
    CHECK(resident() < MOST_RESIDENT);
}

int main(int argc, char **argv)
{
    require_library();
    CHECK(argc >= 3);
    bool after = argc > 3 && strcmp(argv[3], "after") == 0;
    bool of_stacks = strcmp(argv[1], "stacks") == 0;
    if (after) {
        fill_others(argv[2], of_stacks ? STACK_SIZE : TABLE_SIZE / 4);
        malloc_trim(0); // what is pooled is resident, too
    }
    if (of_stacks)
        stacks(argv[2]);
    else
        table(argv[2]);
    return 0;
}
