// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In a memory group of 512 MB. Breaks when the group is killed for what only pools have use for,
// although all that its programs need fits:
//
//     crowded_group small later | at-once | block   small pages, and then only small requests,
//     after
//                                 a while or at once, or one large one
//     crowded_group workers       eight processes used 120 MB each, freed them and sleep
//     crowded_group growing       the first used less, each next one more
//     crowded_group threads       sixteen threads of one process used 12 MB each, or more

#include "tests/preload/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFERS = 80, WORKERS = 8, THREADS = 16 };

static const size_t size = 3 * MIB / 2, wanted = 400 * MIB;

static void use_buffers(int count, size_t each)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < count; i++) {
        CHECK((buffers[i] = malloc(each)) != NULL);
        memset(buffers[i], 1, each);
    }
    for (int i = 0; i < count; i++)
        free(buffers[i]);
}

static void small_requests(void)
{
    enum { SMALL = 10000 };
    for (size_t bytes = 0; bytes < 440 * MIB; bytes += SMALL)
        memset(opaque(malloc(SMALL)), 2, SMALL);
}

static void small(const char *how)
{
    for (int round = 0; round < 3; round++)
        use_buffers(BUFFERS, size);
    if (strcmp(how, "later") == 0)
        sleep(3); // longer than the idle time after which a call would mark them
    if (strcmp(how, "block") == 0)
        memset(opaque(malloc(440 * MIB)), 2, 440 * MIB);
    else
        small_requests();
}

// Memory that is not the library's, so that the pools alone can give way.
static void take_own(void)
{
    char *own = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(own != MAP_FAILED);
    memset(own, 3, wanted);
    CHECK(all_bytes(own, 3, wanted));
    CHECK(munmap(own, wanted) == 0);
}

static int told[2]; // a pipe

static void tell(void)
{
    CHECK(write(told[1], "x", 1) == 1);
}

// What was to be told, or that it never will be.
static bool hear(void)
{
    char byte;
    return read(told[0], &byte, 1) == 1;
}

// A process that has freed all it had, and sleeps.
static pid_t start_worker(int buffers)
{
    CHECK(pipe(told) == 0);
    pid_t worker = fork();
    CHECK(worker >= 0);
    if (worker == 0) {
        use_buffers(buffers, size);
        tell();
        pause();
        _exit(0);
    }
    close(told[1]);
    CHECK(hear());
    close(told[0]);
    return worker;
}

static void processes(bool growing)
{
    pid_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        workers[i] = start_worker(growing ? 10 * (i + 1) : BUFFERS);
    take_own();
    for (int i = 0; i < WORKERS; i++) {
        CHECK(waitpid(workers[i], NULL, WNOHANG) == 0); // nobody was killed
        CHECK(kill(workers[i], SIGKILL) == 0 && waitpid(workers[i], NULL, 0) == workers[i]);
    }
}

static void *use_in_thread(void *argument)
{
    use_buffers(8, size + (size_t)(uintptr_t)argument * 200 * KIB);
    tell();
    pause();
    return NULL;
}

static void threads(void)
{
    pthread_t thread;
    CHECK(pipe(told) == 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&thread, NULL, use_in_thread, (void *)i) == 0);
        CHECK(hear());
    }
    take_own();
}

int main(int count, char **arguments)
{
    CHECK(count >= 2);
    require_library();
    if (strcmp(arguments[1], "small") == 0)
        small(arguments[2]);
    else if (strcmp(arguments[1], "threads") == 0)
        threads();
    else
        processes(strcmp(arguments[1], "growing") == 0);
    puts("survived");
    return 0;
}
