// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A signal every few microseconds while two threads allocate and free: system calls are cut short,
// malloc and free are left half-way for a handler and gone on with. The handler sets a flag, or
// jumps out of the program's own code, both of which is allowed anywhere.
//
// usage: signals flag|jump

#include "tests/preload/check.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 2, HELD = 6, ROUNDS = 400, JUMPS = 200, EVERY_NS = 20000 };

static _Thread_local volatile sig_atomic_t caught, may_jump;
static _Thread_local sigjmp_buf back;
static bool jumping;

static void handle(int signal)
{
    (void)signal;
    caught++;
    if (jumping && may_jump) {
        may_jump = 0;
        siglongjmp(back, 1);
    }
}

static timer_t interrupt_this_thread(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    struct itimerspec every = {{0, EVERY_NS}, {0, EVERY_NS}};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &every, NULL) == 0);
    return timer;
}

static void check_and_free(char **held)
{
    size_t size = *(size_t *)*held;
    CHECK((*held)[size - 1] == 7);
    free(*held);
    *held = NULL;
}

static char *fetch(size_t size)
{
    char *buffer = malloc(size);
    CHECK(buffer != NULL && buffer[0] == 0 && buffer[size - 1] == 0);
    *(size_t *)buffer = size;
    buffer[size - 1] = 7;
    return buffer;
}

static char *grow(char *buffer, size_t size)
{
    buffer = realloc(buffer, size);
    CHECK(buffer != NULL);
    *(size_t *)buffer = size;
    buffer[size - 1] = 7;
    return buffer;
}

// The program's own code: what is in hand stays in hand, wherever this is left.
static void compute(char *buffer)
{
    if (sigsetjmp(back, 1) == 0) {
        may_jump = jumping;
        for (volatile int i = 0; i < 20000 && may_jump == jumping; i++)
            buffer[100 + i % 1000]++;
    }
    may_jump = 0;
}

static void *work(void *argument)
{
    char *held[HELD] = {NULL};
    uint64_t random = (uint64_t)syscall(SYS_gettid);
    timer_t timer = interrupt_this_thread();
    volatile int jumps = 0;
    for (int i = 0; i < ROUNDS || caught < ROUNDS || (jumping && jumps < JUMPS); i++) {
        size_t at = next_random(&random) % HELD;
        size_t size = MIB + next_random(&random) % (4 * MIB);
        if (held[at] == NULL)
            held[at] = fetch(size);
        else if (next_random(&random) % 4 == 0)
            held[at] = grow(held[at], 2 * size);
        else
            check_and_free(&held[at]);
        if (held[at] != NULL) {
            int before = caught;
            compute(held[at]);
            jumps += caught != before;
        }
    }
    timer_delete(timer);
    for (int i = 0; i < HELD; i++)
        if (held[i] != NULL)
            check_and_free(&held[i]);
    return argument;
}

int main(int count, char **arguments)
{
    require_library();
    CHECK(count == 2);
    jumping = strcmp(arguments[1], "jump") == 0;
    struct sigaction action = {.sa_handler = handle};
    CHECK(sigaction(SIGRTMIN, &action, NULL) == 0);
    free(opaque(malloc(MIB))); // requests made while the pool starts are not the pool's
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
