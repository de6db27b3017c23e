// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Signals during reads: a read of a file is whole however many come, a handler may read itself, or
// jump out of the read and free its buffer, which nobody writes to from then on.
//
// usage: signals storm | restarting-storm | reading | jump | jump-keeping-mask

#include "reads.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { ID = 4, ROUNDS = 60, JUMPS = 100, EVERY_NS = 100 * 1000 };

#define SIZE (12 * MIB)

static int file;
static volatile sig_atomic_t caught;

// ---- Alarms ----------------------------------------------------------------------------------

static timer_t timer;

// Sends this thread a signal every so many nanoseconds; 0: no more.
static void send_every(long nanoseconds)
{
    struct itimerspec every = {{0, nanoseconds}, {0, nanoseconds}};
    CHECK(timer_settime(timer, 0, &every, NULL) == 0);
}

static void begin(void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    send_every(EVERY_NS);
}

static void count_it(int signal)
{
    (void)signal;
    caught++;
}

// ---- Storms ----------------------------------------------------------------------------------

static void read_whole(char *buffer, int round)
{
    enum way way = (enum way)(round % WAYS);
    struct iovec piece = {buffer, SIZE};
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    CHECK(ask(way, file, &piece, 1, 0).result == (ssize_t)SIZE && holds(buffer, ID, 0, SIZE));
    CHECK(lseek(file, 0, SEEK_CUR) == (way < WAYS_WITHOUT_OFFSET ? (off_t)SIZE : 0));
}

static void storm(int flags)
{
    size_t before = shared_reads();
    begin(count_it, flags);
    for (int i = 0; i < ROUNDS || caught < 20; i++) {
        char *buffer = new_buffer(SIZE);
        read_whole(buffer, i);
        free(buffer);
    }
    send_every(0);
    expect_shared(before, ROUNDS / 2);
}

// ---- A handler that reads --------------------------------------------------------------------

static char *handlers_buffer;
static int handlers_file;

static void read_in_handler(int signal)
{
    (void)signal;
    int saved = errno;
    CHECK(pread(handlers_file, handlers_buffer, 3 * MIB, 8) == (ssize_t)(3 * MIB));
    CHECK(memcmp(handlers_buffer, &(uint64_t){content_word(ID + 1, 1)}, 8) == 0);
    CHECK(memcmp(handlers_buffer + 3 * MIB - 8, &(uint64_t){content_word(ID + 1, 3 * MIB / 8)},
                 8) == 0);
    caught++;
    errno = saved;
}

static void reading(void)
{
    handlers_file = make_file("memory", ID + 1, 4 * MIB);
    handlers_buffer = new_buffer(4 * MIB);
    size_t before = shared_reads();
    begin(read_in_handler, SA_RESTART);
    send_every(50 * EVERY_NS); // a handler takes as long as a read
    for (int i = 0; i < ROUNDS || caught < 20; i++) {
        char *buffer = new_buffer(SIZE);
        read_whole(buffer, i);
        free(buffer);
    }
    send_every(0);
    CHECK(holds(handlers_buffer, ID + 1, 8, 3 * MIB));
    expect_shared(before, ROUNDS / 2);
}

// ---- A handler that jumps --------------------------------------------------------------------

static sigjmp_buf out;
static volatile sig_atomic_t may_jump;

static void jump(int signal)
{
    (void)signal;
    if (may_jump) {
        may_jump = 0;
        siglongjmp(out, 1);
    }
}

static sigset_t blocked_now(void)
{
    sigset_t mask;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
    return mask;
}

static void only_alarms_blocked(bool are)
{
    sigset_t mask = blocked_now();
    for (int signal = 1; signal < 32; signal++)
        CHECK(sigismember(&mask, signal) == (are && signal == SIGALRM));
}

// The buffer's next owner, or whoever has its memory now, finds nobody writing to it.
static void check_untouched(void)
{
    char *buffer = opaque(malloc(SIZE));
    CHECK(buffer != NULL);
    memset(buffer, 0x55, SIZE);
    for (int i = 0; i < 3; i++) { // helpers that are still at it have time to show
        sched_yield();
        CHECK(all_bytes(buffer, 0x55, SIZE));
    }
    free(buffer);
}

// One read that is left by a jump, if the signal comes in time.
static bool is_left(char *buffer, bool keeps_mask)
{
    if (sigsetjmp(out, keeps_mask ? 0 : 1) != 0) {
        only_alarms_blocked(keeps_mask);
        if (keeps_mask) {
            sigset_t mask;
            sigemptyset(&mask);
            CHECK(sigprocmask(SIG_SETMASK, &mask, NULL) == 0);
        }
        return true;
    }
    may_jump = 1;
    ssize_t got = pread(file, buffer, SIZE, 0);
    may_jump = 0;
    CHECK(got == (ssize_t)SIZE && holds(buffer, ID, 0, SIZE));
    return false;
}

// Signals come faster, then slower, so that some meet every moment of a read.
static void jumping(bool keeps_mask)
{
    unsigned open_before = descriptors();
    begin(jump, 0);
    send_every(0);
    for (int i = 0, jumped = 0; jumped < JUMPS; i++) {
        char *volatile buffer = new_buffer(SIZE);
        send_every(EVERY_NS / 2 * (1 + i % 40));
        jumped += is_left(buffer, keeps_mask);
        send_every(0);
        free(buffer);
        check_untouched();
    }
    // A jump may leave a descriptor behind, but not one each time.
    CHECK(descriptors() <= open_before + 8);
    char *buffer = new_buffer(SIZE);
    size_t before = shared_reads();
    for (int i = 0; i < 4; i++)
        read_whole(buffer, i);
    expect_shared(before, 4);
    free(buffer);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    const char *wanted = arguments[1];
    file = make_file("memory", ID, SIZE);
    if (strcmp(wanted, "storm") == 0)
        storm(0);
    else if (strcmp(wanted, "restarting-storm") == 0)
        storm(SA_RESTART);
    else if (strcmp(wanted, "reading") == 0)
        reading();
    else if (strcmp(wanted, "jump") == 0)
        jumping(false);
    else if (strcmp(wanted, "jump-keeping-mask") == 0)
        jumping(true);
    else
        return 2;
    return 0;
}
