// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Threads that are cancelled, or leave from unusual places. malloc and free are no cancellation
// points: a thread that ends inside them leaves a lock taken, or the pool half started, for ever.

#include "tests/preload/check.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CANCELLED_BUSY = 60, CHURNED = 240, AT_ONCE = 8 };

static const size_t size = 2 * MIB;

static void use_all(void)
{
    char *buffers[12]; // more than a thread keeps: shards and their budget have a part in it
    for (int i = 0; i < 12; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && buffers[i][0] == 0);
        buffers[i][0] = 1;
    }
    for (int i = 0; i < 12; i++)
        free(buffers[i]);
    char *grown = calloc(2, size);
    grown = realloc(grown, 20 * size);
    grown = realloc(grown, 3 * size);
    CHECK(grown != NULL && malloc_usable_size(grown) >= 3 * size);
    free(grown);
    void *aligned;
    CHECK(posix_memalign(&aligned, 4 * MIB, size) == 0);
    free(aligned);
    malloc_trim(0);
}

static void *in_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    void *result;
    CHECK(pthread_create(&thread, NULL, function, argument) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    return result;
}

// ---- Cancelled already -----------------------------------------------------------------------

static bool came_back;

static void *use_while_cancelled(void *argument)
{
    pthread_cancel(pthread_self());
    use_all();
    came_back = true;
    pthread_testcancel();
    return argument;
}

// ---- Cancelled while at it -------------------------------------------------------------------

static void *use_until_cancelled(void *argument)
{
    atomic_bool *started = argument;
    for (;;) {
        char *buffer = malloc(size);
        memset(buffer, 1, 4 * KIB);
        atomic_store(started, true);
        free(buffer);
        pthread_testcancel();
    }
    return NULL;
}

// POSIX allows this only around the program's own code, which is what is cancelled here.
static void *compute_until_cancelled(void *argument)
{
    atomic_bool *started = argument;
    static _Thread_local volatile unsigned sum;
    char *buffer = malloc(size);
    pthread_cleanup_push(free, buffer);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    atomic_store(started, true);
    for (;;)
        sum += (unsigned char)buffer[sum % size];
    pthread_cleanup_pop(1);
}

static void cancel_when_started(void *(*function)(void *))
{
    for (int i = 0; i < CANCELLED_BUSY; i++) {
        pthread_t thread;
        void *result;
        atomic_bool started = false;
        CHECK(pthread_create(&thread, NULL, function, &started) == 0);
        while (!atomic_load(&started))
            sched_yield();
        CHECK(pthread_cancel(thread) == 0);
        CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    }
}

// ---- pthread_exit ----------------------------------------------------------------------------

static pthread_key_t key;
static void *const left = &key;

static void use_late(void *buffer)
{
    free(buffer);
    use_all();
}

static void leave_from_handler(int signal)
{
    (void)signal;
    pthread_exit(left);
}

// From under a cleanup handler, in a signal handler, with a key's destructor to come.
static void *leave(void *argument)
{
    pthread_cleanup_push(use_late, malloc(size));
    CHECK(pthread_setspecific(key, malloc(size)) == 0);
    use_all();
    raise(SIGUSR1);
    pthread_cleanup_pop(1);
    return argument;
}

static void *outlive_main(void *argument)
{
    const pthread_t *main_thread = argument;
    CHECK(pthread_join(*main_thread, NULL) == 0);
    for (int i = 0; i < 10; i++)
        use_all();
    exit(0);
}

// ---- Threads that end while their caches are emptied by another ------------------------------

static void *fill_cache(void *argument)
{
    void *buffers[4];
    for (int i = 0; i < 4; i++)
        memset(buffers[i] = malloc(size), 1, 4 * KIB);
    for (int i = 0; i < 4; i++)
        free(buffers[i]);
    return argument;
}

static void *trim_until_told(void *argument)
{
    atomic_bool *stop = argument;
    while (!atomic_load(stop))
        malloc_trim(0);
    return NULL;
}

static void end_while_emptied(void)
{
    pthread_t trimming, threads[AT_ONCE];
    atomic_bool stop = false;
    CHECK(pthread_create(&trimming, NULL, trim_until_told, &stop) == 0);
    for (int i = 0; i < CHURNED; i += AT_ONCE) {
        for (int j = 0; j < AT_ONCE; j++)
            CHECK(pthread_create(&threads[j], NULL, fill_cache, NULL) == 0);
        for (int j = 0; j < AT_ONCE; j++)
            CHECK(pthread_join(threads[j], NULL) == 0);
    }
    atomic_store(&stop, true);
    CHECK(pthread_join(trimming, NULL) == 0);
}

int main(void)
{
    require_library();
    // The process's first large request, which starts the pool.
    CHECK(in_thread(use_while_cancelled, NULL) == PTHREAD_CANCELED);
    CHECK(came_back);
    cancel_when_started(use_until_cancelled);
    cancel_when_started(compute_until_cancelled);
    CHECK(pthread_key_create(&key, use_late) == 0);
    CHECK(signal(SIGUSR1, leave_from_handler) != SIG_ERR);
    CHECK(in_thread(leave, NULL) == left);
    end_while_emptied();
    static pthread_t self;
    self = pthread_self();
    pthread_t last;
    CHECK(pthread_create(&last, NULL, outlive_main, &self) == 0);
    pthread_exit(NULL);
}
