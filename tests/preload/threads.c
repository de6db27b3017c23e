// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buffers that outlive the thread that asked for them, threads that end with buffers in their
// caches, and frees so late in a thread's life that its cache is gone.

#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const size_t size = 2 * MIB;

// ---- Handed over -----------------------------------------------------------------------------

enum { ROOM = 8, HANDED_OVER = 2000, PAIRS = 2 };

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *items[ROOM];
    size_t put, taken;
};

static void put(struct queue *queue, char *item)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->put - queue->taken == ROOM)
        pthread_cond_wait(&queue->changed, &queue->lock);
    queue->items[queue->put++ % ROOM] = item;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

static char *take(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->put == queue->taken)
        pthread_cond_wait(&queue->changed, &queue->lock);
    char *item = queue->items[queue->taken++ % ROOM];
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    return item;
}

static void *produce(void *queue)
{
    for (int i = 0; i < HANDED_OVER; i++) {
        char *buffer = malloc(size);
        CHECK(buffer != NULL && buffer[0] == 0 && buffer[size - 1] == 0);
        memcpy(buffer, &i, sizeof(i));
        memcpy(buffer + size - sizeof(i), &i, sizeof(i));
        put(queue, buffer);
    }
    return NULL;
}

static void *consume(void *queue)
{
    for (int i = 0; i < HANDED_OVER; i++) {
        char *buffer = take(queue);
        CHECK(memcmp(buffer, &i, sizeof(i)) == 0);
        CHECK(memcmp(buffer + size - sizeof(i), &i, sizeof(i)) == 0);
        free(buffer);
    }
    return NULL;
}

static void hand_over(void)
{
    struct queue queues[PAIRS];
    pthread_t producers[PAIRS], consumers[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        queues[i] =
            (struct queue){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {NULL}, 0, 0};
        CHECK(pthread_create(&producers[i], NULL, produce, &queues[i]) == 0);
        CHECK(pthread_create(&consumers[i], NULL, consume, &queues[i]) == 0);
    }
    for (int i = 0; i < PAIRS; i++) {
        CHECK(pthread_join(producers[i], NULL) == 0);
        CHECK(pthread_join(consumers[i], NULL) == 0);
    }
}

// ---- Threads that end ------------------------------------------------------------------------

enum { SHORT_LIVED = 2000, AT_ONCE = 20, CACHED = 3 };

static void *cache_some(void *argument)
{
    char *buffers[CACHED];
    for (int i = 0; i < CACHED; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && buffers[i][0] == 0);
        buffers[i][0] = 1;
    }
    for (int i = 0; i < CACHED; i++)
        free(buffers[i]);
    return argument;
}

// What their caches held must find its way to later threads: 2,000 times 6 MiB fits into no machine
// this runs on.
static void end_threads(void)
{
    size_t before = proc_kib("/proc/self/status", "VmData:");
    for (int i = 0; i < SHORT_LIVED; i += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        for (int j = 0; j < AT_ONCE; j++)
            CHECK(pthread_create(&threads[j], NULL, cache_some, NULL) == 0);
        for (int j = 0; j < AT_ONCE; j++)
            CHECK(pthread_join(threads[j], NULL) == 0);
    }
    size_t most = 2 * AT_ONCE * (CACHED * size + 8 * MIB) / KIB; // with the threads' stacks
    CHECK(proc_kib("/proc/self/status", "VmData:") < before + most);
}

// ---- Late frees ------------------------------------------------------------------------------

enum { KEYS = 3, ROUNDS = 50 };

static pthread_key_t keys[KEYS];

// Runs again and again, as long as destructors set values anew: well after the cache is gone.
static void use_late(void *buffer)
{
    free(buffer);
    char *another = malloc(size);
    CHECK(another != NULL && all_bytes(another, 0, size));
    memset(another, 1, size);
    free(another);
    static _Thread_local int runs;
    if (++runs < 2 * KEYS)
        pthread_setspecific(keys[runs % KEYS], malloc(size));
}

static void *set_keys(void *argument)
{
    for (int i = 0; i < KEYS; i++)
        CHECK(pthread_setspecific(keys[i], malloc(size)) == 0);
    return argument;
}

// Keys made before the library's own and keys made after it: destructors run in that order.
static void free_late(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, set_keys, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}

int main(void)
{
    require_library();
    CHECK(pthread_key_create(&keys[0], use_late) == 0);
    free(opaque(malloc(size)));
    for (int i = 1; i < KEYS; i++)
        CHECK(pthread_key_create(&keys[i], use_late) == 0);
    hand_over();
    end_threads();
    free_late();
    return 0;
}
