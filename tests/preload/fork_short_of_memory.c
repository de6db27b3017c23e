// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Forks while other threads find no memory: then jemalloc, in the middle of its own work and with
// its locks, has the pool give back what it has. Who forks must take the two in the same order.

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { THREADS = 3, FORKS = 150, BLOCKS = 400 };

static atomic_bool stop;
static pthread_barrier_t begun;

static void keep_some(void)
{
    char *buffers[4];
    for (int i = 0; i < 4; i++)
        buffers[i] = opaque(malloc(2 * MIB));
    for (int i = 0; i < 4; i++) {
        if (buffers[i] != NULL)
            buffers[i][0] = 1;
        free(buffers[i]);
    }
}

// Until there is no more.
static void use_up(void)
{
    static const size_t sizes[] = {200, 14000, 60000, 400000};
    char *blocks[BLOCKS];
    int count = 0;
    while (count < BLOCKS && (blocks[count] = malloc(sizes[count % 4])) != NULL)
        blocks[count++][0] = 1;
    while (count > 0)
        free(blocks[--count]);
}

static void *work(void *argument)
{
    keep_some();
    use_up(); // a thread's first small request must find memory: jemalloc crashes without
    pthread_barrier_wait(&begun);
    while (!atomic_load(&stop)) {
        keep_some();
        use_up();
    }
    return argument;
}

// A stack cannot grow any more then.
static void grow_stack(void)
{
    volatile char room[256 * 1024];
    for (size_t i = 0; i < sizeof(room); i += KIB)
        room[i] = 1;
}

int main(void)
{
    require_library();
    pthread_t threads[THREADS];
    grow_stack();
    keep_some();
    use_up();
    CHECK(pthread_barrier_init(&begun, NULL, THREADS + 1) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    pthread_barrier_wait(&begun);
    // What the process has reserved counts: no mapping is to be had from now on.
    struct rlimit limit = {256 * MIB, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            keep_some();
            use_up();
            _exit(0);
        }
        expect_success(child);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
