// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Long random sequences of all entry points, by several threads that pass buffers on to each other,
// against a model of what every buffer holds. Finds bytes lost or overwritten, buffers that
// overlap, wrong alignment, usable sizes that change or lie, memory of calloc that is not zero.
//
// ZP_TEST_SEED makes other sequences, ZP_TEST_STEPS longer ones (steps per thread).

#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS = 4,
    OWN = 16, // buffers that belong to one thread
    SHARED = 8,
    STEPS = 1500,
    PAGE = 4096,
};

static const size_t size_most = 64 * MIB;

struct buffer {
    char *start; // NULL: none
    size_t usable;
    uint64_t seed; // of the words in it
};

struct thread {
    pthread_t id;
    uint64_t random;
    struct buffer own[OWN];
};

static struct thread threads[THREADS];
static unsigned long steps = STEPS;
static void (*sized_free)(void *pointer, size_t size); // C23, not in every libc

// ---- Contents --------------------------------------------------------------------------------

static uint64_t word_at(const struct buffer *buffer, size_t offset)
{
    uint64_t state = buffer->seed ^ offset;
    return next_random(&state);
}

static void put_word(const struct buffer *buffer, size_t offset, size_t end)
{
    uint64_t word = word_at(buffer, offset);
    if (offset + sizeof(word) <= end)
        memcpy(buffer->start + offset, &word, sizeof(word));
}

static void check_word(const struct buffer *buffer, size_t offset, size_t end)
{
    uint64_t word = word_at(buffer, offset);
    if (offset + sizeof(word) <= end)
        CHECK(memcmp(buffer->start + offset, &word, sizeof(word)) == 0);
}

// Words at the start, at the end and on both sides of page edges: of every page, or of some where
// there are very many.
static void each_word(const struct buffer *buffer, size_t end,
                      void (*visit)(const struct buffer *buffer, size_t offset, size_t end))
{
    size_t last = buffer->usable & ~(size_t)7; // of words at multiples of 8 bytes
    size_t step = buffer->usable <= 2 * MIB ? PAGE : 13 * PAGE;
    for (size_t offset = 0; offset < 64 && offset < last; offset += 8)
        visit(buffer, offset, end);
    for (size_t edge = PAGE; edge < last; edge += step) {
        visit(buffer, edge - 8, end);
        visit(buffer, edge, end);
    }
    for (size_t offset = last > 64 ? last - 64 : 0; offset < last; offset += 8)
        visit(buffer, offset, end);
}

static void fill(struct buffer *buffer, uint64_t *random)
{
    buffer->seed = next_random(random);
    each_word(buffer, buffer->usable, put_word);
}

static void verify(const struct buffer *buffer)
{
    CHECK(malloc_usable_size(buffer->start) == buffer->usable);
    each_word(buffer, buffer->usable, check_word);
}

// ---- The model -------------------------------------------------------------------------------

// All live buffers of all threads, for overlaps; and those that are nobody's, to be handed on.
static struct {
    pthread_mutex_t lock;
    struct buffer live[THREADS * OWN + SHARED];
    struct buffer shared[SHARED];
} model = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool overlap(const struct buffer *a, const struct buffer *b)
{
    return a->start < b->start + b->usable && b->start < a->start + a->usable;
}

static void model_add(const struct buffer *buffer)
{
    struct buffer *room = NULL;
    pthread_mutex_lock(&model.lock);
    for (size_t i = 0; i < sizeof(model.live) / sizeof(model.live[0]); i++) {
        struct buffer *live = &model.live[i];
        if (live->start == NULL)
            room = live;
        else
            CHECK(!overlap(live, buffer));
    }
    CHECK(room != NULL);
    *room = *buffer;
    pthread_mutex_unlock(&model.lock);
}

// Called while the buffer is still owned: its address cannot be another's.
static void model_remove(const struct buffer *buffer)
{
    pthread_mutex_lock(&model.lock);
    for (size_t i = 0; i < sizeof(model.live) / sizeof(model.live[0]); i++)
        if (model.live[i].start == buffer->start)
            model.live[i].start = NULL;
    pthread_mutex_unlock(&model.lock);
}

// ---- Steps -----------------------------------------------------------------------------------

static size_t below(uint64_t *random, size_t limit)
{
    return (size_t)(next_random(random) % limit);
}

// As many small sizes as sizes of each power of ten; more at the edges of what goes to the pool.
static size_t random_size(uint64_t *random)
{
    static const size_t edges[] = {64 * KIB, MIB, 2 * MIB, 4 * MIB, 5120000};
    switch (below(random, 6)) {
    case 0:
        return 1 + below(random, 2048);
    case 1:
        return edges[below(random, 5)] - 64 + below(random, 128);
    case 2:
        return MIB + below(random, 4 * MIB);
    default:
        return 1 + below(random, size_most >> below(random, 26));
    }
}

static void adopt(struct buffer *buffer, void *start, size_t size, size_t alignment,
                  uint64_t *random)
{
    CHECK(start != NULL);
    CHECK((uintptr_t)start % alignment == 0);
    buffer->start = start;
    buffer->usable = malloc_usable_size(start);
    CHECK(buffer->usable >= size);
    model_add(buffer);
    fill(buffer, random);
}

static void allocate(struct buffer *buffer, uint64_t *random)
{
    size_t size = random_size(random), alignment = (size_t)8 << below(random, 20);
    size_t natural = size >= 16 ? 16 : 8;
    void *start = NULL;
    switch (below(random, 10)) {
    case 0:
        start = realloc(NULL, size);
        break;
    case 1:
        start = reallocarray(NULL, size, 1);
        break;
    case 2:
    case 3: {
        size_t count = 1 + below(random, 9);
        size = (size + count - 1) / count * count;
        start = calloc(count, size / count);
        CHECK(start != NULL && all_bytes(start, 0, size));
        break;
    }
    case 4:
        CHECK(posix_memalign(&start, natural = alignment, size) == 0);
        break;
    case 5:
        start = aligned_alloc(natural = alignment, size);
        break;
    case 6:
        start = memalign(natural = alignment, size);
        break;
    case 7:
        natural = PAGE;
        start = below(random, 2) != 0 ? valloc(size) : pvalloc(size);
        break;
    default:
        start = malloc(size);
    }
    adopt(buffer, start, size, natural, random);
}

static void release(struct buffer *buffer, uint64_t *random)
{
    verify(buffer);
    model_remove(buffer);
    errno = 4321;
    size_t way = below(random, 8);
    if (way == 0)
        CHECK(realloc(buffer->start, opaque_size(0)) == NULL);
    else if (way == 1 && sized_free != NULL)
        sized_free(buffer->start, buffer->usable);
    else
        free(buffer->start);
    CHECK(errno == 4321);
    buffer->start = NULL;
}

static void resize(struct buffer *buffer, uint64_t *random)
{
    size_t size = random_size(random);
    if (below(random, 2) != 0) // a little larger or smaller
        size = buffer->usable / 2 + below(random, buffer->usable) + 1;
    if (size > size_most)
        size = size_most;
    verify(buffer);
    model_remove(buffer);
    char *start =
        below(random, 4) != 0 ? realloc(buffer->start, size) : reallocarray(buffer->start, size, 1);
    CHECK(start != NULL);
    buffer->start = start;
    each_word(buffer, buffer->usable < size ? buffer->usable : size, check_word);
    adopt(buffer, start, size, size >= 16 ? 16 : 8, random);
}

// Exchanges a buffer, or none, for one that another thread may have left.
static void hand_on(struct buffer *buffer, uint64_t *random)
{
    struct buffer *other = &model.shared[below(random, SHARED)];
    pthread_mutex_lock(&model.lock);
    struct buffer taken = *other;
    *other = *buffer;
    *buffer = taken;
    pthread_mutex_unlock(&model.lock);
}

static void step(struct thread *thread)
{
    uint64_t *random = &thread->random;
    struct buffer *buffer = &thread->own[below(random, OWN)];
    size_t way = below(random, 16);
    if (below(random, 500) == 0)
        malloc_trim(0);
    if (way < 3)
        hand_on(buffer, random);
    else if (buffer->start == NULL)
        allocate(buffer, random);
    else if (way < 8)
        resize(buffer, random);
    else if (way < 9)
        verify(buffer);
    else
        release(buffer, random);
}

static void *run(void *argument)
{
    struct thread *thread = argument;
    for (unsigned long i = 0; i < steps; i++)
        step(thread);
    for (size_t i = 0; i < OWN; i++)
        if (thread->own[i].start != NULL)
            release(&thread->own[i], &thread->random);
    return NULL;
}

int main(void)
{
    require_library();
    uint64_t seed = test_seed(20240607);
    if (getenv("ZP_TEST_STEPS") != NULL)
        steps = strtoul(getenv("ZP_TEST_STEPS"), NULL, 10);
    *(void **)&sized_free = dlsym(RTLD_DEFAULT, "free_sized");
    for (size_t i = 0; i < THREADS; i++) {
        threads[i].random = seed + i;
        CHECK(pthread_create(&threads[i].id, NULL, run, &threads[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i].id, NULL) == 0);
    for (size_t i = 0; i < SHARED; i++)
        if (model.shared[i].start != NULL)
            release(&model.shared[i], &seed);
    return 0;
}
