// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A signal handler that forks, wherever it interrupts this process of one thread: malloc, free,
// realloc, the start of the pool, or fork itself. A child may end in the handler, or return from it
// and go on with what was interrupted. 300 forks; with ZP_TEST_FULL=1 there are 10,000.

#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { FORKS = 300, ALL_FORKS = 10000, BUFFERS = 12, STEPS_IN_CHILD = 10 };

static pid_t parent;
static volatile sig_atomic_t forks;
static char *buffers[BUFFERS];
static size_t sizes[BUFFERS];
static uint64_t sequence;

static void handle(int signal)
{
    (void)signal;
    int saved_errno = errno;
    pid_t child = fork();
    if (child == 0 && forks % 2 == 0)
        _exit(0);
    if (child != 0) {
        expect_success(child);
        forks++;
    }
    errno = saved_errno;
}

static void check(const char *buffer, size_t size, int value)
{
    CHECK(buffer[0] == value && buffer[size / 2] == value && buffer[size - 1] == value);
}

static void fill(char *buffer, size_t size, int value)
{
    buffer[0] = buffer[size / 2] = buffer[size - 1] = (char)value;
}

// One operation, whichever: what a buffer holds stays, and a large new one is zero.
static void step(void)
{
    unsigned i = (unsigned)(next_random(&sequence) % BUFFERS);
    size_t size = next_random(&sequence) % (next_random(&sequence) % 2 ? 5 * MIB : 20 * KIB) + 1;
    if (buffers[i] == NULL) {
        buffers[i] = size > MIB ? calloc(1, size) : malloc(size);
        CHECK(buffers[i] != NULL);
        if (size > MIB)
            check(buffers[i], size, 0);
    } else if (next_random(&sequence) % 3 == 0) {
        check(buffers[i], sizes[i], 5);
        buffers[i] = realloc(buffers[i], size);
        CHECK(buffers[i] != NULL && buffers[i][0] == 5);
    } else {
        check(buffers[i], sizes[i], 5);
        free(buffers[i]);
        buffers[i] = NULL;
        return;
    }
    sizes[i] = size;
    fill(buffers[i], size, 5);
}

static void steps(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        step();
}

// A child of the handler's has come back here.
static void end_child(void)
{
    if (getpid() == parent)
        return;
    steps(STEPS_IN_CHILD);
    pid_t child = fork();
    if (child == 0) {
        steps(STEPS_IN_CHILD);
        _exit(0);
    }
    expect_success(child);
    _exit(0);
}

static void fork_openly(void)
{
    pid_t child = fork();
    if (child == 0) {
        if (next_random(&sequence) % 4 == 0)
            steps(STEPS_IN_CHILD);
        _exit(0);
    }
    end_child(); // the handler may have forked while this did
    expect_success(child);
}

// Once, after a time that may end anywhere.
static void interrupt_soon(void)
{
    struct itimerval timer = {.it_value.tv_usec = 1 + (long)(next_random(&sequence) % 200)};
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

int main(void)
{
    require_library();
    parent = getpid();
    sequence = test_seed(31);
    int wanted = getenv("ZP_TEST_FULL") != NULL ? ALL_FORKS : FORKS;
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    for (int seen = 0; seen < wanted; seen++) {
        interrupt_soon();
        if (seen % 4 == 0)
            fork_openly();
        while (forks == seen) {
            step();
            end_child();
        }
    }
    return 0;
}
