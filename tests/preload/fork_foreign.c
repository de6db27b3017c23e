// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What fork handlers of other libraries do, registered before this library's constructor has run,
// or later, but before the first large request.
//
//   locks  take what a worker holds while it allocates: our locks must be taken after it
//   joins  stop and join workers that have buffers in their caches, and start them again
//   maps   map memory and start threads: nothing of that may be lost in the child
//
// usage: fork_foreign locks|joins|maps early|late

#include "fork_foreign.h"
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORKERS = 2, FORKS = 100, MANY = 10, MAPPED = 4 };

static const size_t large = 3 * MIB, small = 3000;
static atomic_bool stop;
static pthread_t workers[WORKERS];

// ---- Workers ---------------------------------------------------------------------------------

static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;

static void lock(void)
{
    CHECK(pthread_mutex_lock(&state) == 0);
}

static void unlock(void)
{
    CHECK(pthread_mutex_unlock(&state) == 0);
}

static void use_memory(void)
{
    char *buffers[MANY], *blocks[MANY];
    for (int i = 0; i < MANY; i++) {
        buffers[i] = malloc(large);
        blocks[i] = malloc(small << i);
        CHECK(buffers[i] != NULL && buffers[i][0] == 0 && buffers[i][large - 1] == 0);
        buffers[i][0] = buffers[i][large - 1] = 1;
        blocks[i][0] = 1;
    }
    for (int i = 0; i < MANY; i++) {
        free(buffers[i]);
        free(blocks[i]);
    }
}

static void *work(void *argument)
{
    do {
        lock();
        use_memory();
        unlock();
    } while (!atomic_load(&stop));
    return argument;
}

static void start_workers(void)
{
    atomic_store(&stop, false);
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_create(&workers[i], NULL, work, NULL) == 0);
}

static void join_workers(void)
{
    atomic_store(&stop, true);
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_join(workers[i], NULL) == 0);
}

// ---- Mappings --------------------------------------------------------------------------------

static char *mapped[MAPPED];
static pthread_t mapper;

static void *map(void *argument)
{
    use_memory();
    for (int i = 0; i < MAPPED; i++) {
        if (mapped[i] != NULL)
            munmap(mapped[i], large);
        mapped[i] = mmap(NULL, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(mapped[i] != MAP_FAILED);
        memset(mapped[i], 7, large);
    }
    return argument;
}

static void map_here(void)
{
    map(NULL);
}

// By a thread of its own, whose stack is mapped as well.
static void map_in_thread(void)
{
    CHECK(pthread_create(&mapper, NULL, map, NULL) == 0);
    CHECK(pthread_join(mapper, NULL) == 0);
    map(NULL);
}

// ---- Forks -----------------------------------------------------------------------------------

static void fill_pool(void)
{
    char *buffers[MANY];
    for (int i = 0; i < MANY; i++)
        memset(buffers[i] = malloc(10 * large), 1, MIB);
    for (int i = 0; i < MANY; i++)
        free(buffers[i]);
}

static void check_mapped(void)
{
    for (int i = 0; i < MAPPED; i++)
        CHECK(mapped[i] == NULL || all_bytes(mapped[i], 7, large));
}

static void go_on_in_child(bool has_workers)
{
    use_memory();
    check_mapped();
    if (has_workers)
        join_workers();
    _exit(0);
}

static void fork_often(bool has_workers)
{
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0)
            go_on_in_child(has_workers);
        check_mapped();
        expect_success(child);
    }
}

static void watch(bool early, void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    if (early)
        foreign_set_handlers(prepare, parent, child);
    else
        CHECK(pthread_atfork(prepare, parent, child) == 0);
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    require_library();
    bool early = strcmp(arguments[2], "early") == 0;
    if (strcmp(arguments[1], "locks") == 0) {
        watch(early, lock, unlock, unlock);
        start_workers();
        fork_often(false);
        join_workers();
    } else if (strcmp(arguments[1], "joins") == 0) {
        watch(early, join_workers, start_workers, start_workers);
        start_workers();
        fork_often(true);
        join_workers();
    } else {
        watch(early, map_here, map_in_thread, map_in_thread);
        fill_pool();
        fork_often(false);
    }
    return 0;
}
