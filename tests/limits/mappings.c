// SPDX-License-Identifier: MIT OR Apache-2.0
//
// vm.max_map_count. Breaks when a long random sequence leaves more and more mappings behind, or
// when a random sequence crashes or loses bytes once the kernel grants no more of them.
//
// usage: mappings bounded | none-left | few-left; ZP_TEST_STEPS makes the first longer

#include "tests/preload/check.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BUFFERS = 64, MAPPINGS_MOST = 1000, STEPS = 100 * 1000 };

static struct buffer {
    char *start; // NULL: none
    size_t size;
    char mark; // in its first and last byte
} buffers[BUFFERS];

static void check_marks(const struct buffer *buffer, size_t size)
{
    CHECK(buffer->start[0] == buffer->mark);
    if (size == buffer->size)
        CHECK(buffer->start[size - 1] == buffer->mark);
}

static void put_marks(struct buffer *buffer, size_t size, uint64_t random)
{
    buffer->size = size;
    buffer->mark = (char)(random | 1);
    buffer->start[0] = buffer->start[size - 1] = buffer->mark;
}

static size_t random_size(uint64_t *random)
{
    switch (next_random(random) % 8) {
    case 0:
        return 1 + next_random(random) % (100 * KIB);
    case 1:
        return 1 + next_random(random) % (60 * MIB);
    default:
        return MIB + next_random(random) % (4 * MIB);
    }
}

// One of malloc, realloc and free; where `all` is false it may find no memory.
static void step(uint64_t *random, bool all)
{
    struct buffer *buffer = &buffers[next_random(random) % BUFFERS];
    size_t size = random_size(random);
    errno = 0;
    if (buffer->start == NULL) {
        buffer->start = malloc(size);
        CHECK(buffer->start != NULL || (!all && errno == ENOMEM));
        if (buffer->start == NULL)
            return;
        CHECK(size < MIB || (buffer->start[0] == 0 && buffer->start[size - 1] == 0) || !all);
        put_marks(buffer, size, next_random(random));
        return;
    }
    check_marks(buffer, buffer->size);
    if (next_random(random) % 4 == 0) {
        char *moved = realloc(buffer->start, size);
        CHECK(moved != NULL || (!all && errno == ENOMEM));
        if (moved == NULL)
            return;
        buffer->start = moved;
        CHECK(moved[0] == buffer->mark);
        put_marks(buffer, size, next_random(random));
    } else {
        free(buffer->start);
        buffer->start = NULL;
    }
}

static void run(unsigned long steps, bool all)
{
    uint64_t random = test_seed(4711);
    for (unsigned long i = 0; i < steps; i++) {
        step(&random, all);
        if (i % 5000 == 0 && all)
            CHECK(proc_mappings() < MAPPINGS_MOST);
        if (i % 25000 == 24999)
            malloc_trim(0);
    }
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i].start);
}

// Takes all mappings the kernel grants but so many, a page of every two made readable.
static void take_mappings(size_t spare)
{
    size_t most = 400000, taken = 0;
    char *range = mmap(NULL, 2 * most * page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(range != MAP_FAILED);
    while (taken < most && mprotect(range + 2 * taken * page_size(), page_size(), PROT_READ) == 0)
        taken++;
    if (taken == most)
        check_skip("vm.max_map_count is too high to reach");
    while (spare-- > 0)
        CHECK(mprotect(range + 2 * --taken * page_size(), page_size(), PROT_NONE) == 0);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    require_library();
    if (strcmp(arguments[1], "bounded") == 0) {
        const char *given = getenv("ZP_TEST_STEPS");
        run(given != NULL ? strtoul(given, NULL, 10) : STEPS, true);
        return 0;
    }
    run(1000, true);
    memset(buffers, 0, sizeof(buffers));
    take_mappings(strcmp(arguments[1], "few-left") == 0 ? 20 : 0);
    run(5000, false);
    return 0;
}
