// SPDX-License-Identifier: MIT OR Apache-2.0

#include "held.h"

#include "os.h"

#include <fcntl.h>

// Numbers that programs do not expect from open; if there is none, any.
enum { NUMBERS_FROM = 512 };

enum {
    MOST = 64,
    // How long a wait lasts before the word is read again: the kernel may refuse to wait or to
    // wake.
    LOOK_AGAIN_MS = 10,
};

static struct {
    uint32_t numbers[MOST]; // plus one; 0: none
    uint32_t between;       // threads that are taking one, or letting one go
    uint32_t forking;       // threads that fork
} held;

static uint32_t get(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static uint32_t add(uint32_t *word, int change)
{
    return __atomic_add_fetch(word, (uint32_t)change, __ATOMIC_SEQ_CST);
}

static bool swap(uint32_t *word, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void leave(void)
{
    if (add(&held.between, -1) == 0 && get(&held.forking) != 0)
        zp_os_wake(&held.between);
}

static void enter(void)
{
    for (uint32_t forking;;) {
        add(&held.between, 1);
        if ((forking = get(&held.forking)) == 0)
            return;
        leave();
        zp_os_wait(&held.forking, forking, LOOK_AGAIN_MS);
    }
}

static bool remember(int fd)
{
    for (unsigned i = 0; i < MOST; i++)
        if (get(&held.numbers[i]) == 0 && swap(&held.numbers[i], 0, (uint32_t)fd + 1))
            return true;
    return false;
}

static void forget(int fd)
{
    for (unsigned i = 0; i < MOST; i++)
        if (swap(&held.numbers[i], (uint32_t)fd + 1, 0))
            return;
}

int zp_held_take(int fd)
{
    enter();
    int own = zp_os_file_control(fd, F_DUPFD_CLOEXEC, (void *)NUMBERS_FROM);
    if (own < 0)
        own = zp_os_file_control(fd, F_DUPFD_CLOEXEC, NULL);
    if (own >= 0 && !remember(own)) {
        zp_os_file_close(own);
        own = -1;
    }
    leave();
    return own;
}

void zp_held_let_go(int fd, bool (*may_close)(int fd))
{
    enter();
    if (may_close(fd)) {
        zp_os_file_close(fd);
        forget(fd);
    }
    leave();
}

// ---- Fork ------------------------------------------------------------------------------------

void zp_held_before_fork(void)
{
    add(&held.forking, 1);
    for (uint32_t between; (between = get(&held.between)) != 0;)
        zp_os_wait(&held.between, between, LOOK_AGAIN_MS);
}

void zp_held_after_fork(void)
{
    if (add(&held.forking, -1) == 0)
        zp_os_wake(&held.forking);
}

// Threads that wait to take or to let go are not there, and their counts go with them.
void zp_held_in_child(void)
{
    for (unsigned i = 0; i < MOST; i++) {
        if (held.numbers[i] != 0)
            zp_os_file_close((int)held.numbers[i] - 1);
        held.numbers[i] = 0;
    }
    held.between = held.forking = 0;
}
