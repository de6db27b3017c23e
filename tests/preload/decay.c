// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What has been idle for longer than ZEROPOOL_DECAY_MS=200 is back with the kernel,
//
//     decay            after some large requests, as each does a bounded part
//     decay in-use     while the program goes on with a buffer that its own cache always has for
//     it,
//                      under ZEROPOOL_ZERO=off
//     decay by-thread  without any call of the program, what small requests left idle, too, under
//                      ZEROPOOL_DECAY_BY=thread; a child's as well; and the helper is gone then

#include "check.h"

#include <dirent.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    BUFFERS = 40,
    CALLS_MOST = 2000, // a slow machine does less in the time that each has
    PATIENCE_S = 60,   // the machine may be busy
};

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

static void fill_pool(size_t size)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++)
        memset(buffers[i] = malloc(size), 1, size);
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
}

static void wait_ms(long milliseconds)
{
    struct timespec moment = {milliseconds / 1000, milliseconds % 1000 * 1000 * 1000};
    nanosleep(&moment, NULL);
}

static void goes_back(size_t size)
{
    size_t before = resident();
    size_t pooled = BUFFERS * size, idle;
    for (int i = 0; (idle = mallinfo2().keepcost) < pooled / 2; i++) {
        CHECK(i < 100); // where that takes longer than the idle time, some has gone already
        fill_pool(size);
    }

    // The idle time itself; a machine that takes longer over it only makes the buffers older.
    wait_ms(400);
    CHECK(mallinfo2().keepcost == idle); // nobody does it behind the program's back
    for (int i = 0; mallinfo2().keepcost > pooled / 20; i++) {
        CHECK(i < CALLS_MOST);
        free(opaque(malloc(MIB)));
    }
    CHECK(resident() <= before + pooled / 20 + MIB);
}

// Waits until what is resident has fallen to `most` bytes, calling `meanwhile`.
static void wait_for(size_t most, void (*meanwhile)(void))
{
    time_t deadline = time(NULL) + PATIENCE_S;
    while (resident() > most) {
        CHECK(time(NULL) < deadline);
        wait_ms(1);
        meanwhile();
    }
}

static void use_one(void)
{
    free(memset(opaque(malloc(2 * MIB)), 1, 100));
}

static void goes_back_while_in_use(void)
{
    size_t before = resident();
    fill_pool(10 * MIB);
    fill_pool(3 * MIB); // the last of them are in the thread's own cache
    wait_for(before + 16 * MIB, use_one);
}

enum { SMALL = 10000, SMALL_COUNT = 5000 };

static void use_small(void)
{
    static void *blocks[SMALL_COUNT];
    for (int i = 0; i < SMALL_COUNT; i++)
        memset(blocks[i] = opaque(malloc(SMALL)), 1, SMALL);
    for (int i = 0; i < SMALL_COUNT; i++)
        free(blocks[i]);
}

static int count_threads(void)
{
    int threads = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        threads += entry->d_name[0] != '.';
    closedir(tasks);
    return threads;
}

static void do_nothing(void)
{
}

static void goes_back_by_itself(void)
{
    size_t before = resident();
    use_small();
    fill_pool(3 * MIB);
    fill_pool(MIB);
    wait_for(before + 12 * MIB, do_nothing);
    time_t deadline = time(NULL) + PATIENCE_S;
    while (count_threads() > 1) {
        CHECK(time(NULL) < deadline);
        wait_ms(1);
    }
}

static void goes_back_in_a_child(void)
{
    fill_pool(MIB); // the helper is there
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(count_threads() == 1);
        goes_back_by_itself();
        _exit(0);
    }
    expect_success(child);
}

int main(int count, char **arguments)
{
    require_library();
    free(opaque(malloc(MIB)));
    if (count == 1) {
        goes_back(12 * MIB); // mostly in shards
        goes_back(3 * MIB);
        goes_back(MIB);
    } else if (strcmp(arguments[1], "in-use") == 0) {
        goes_back_while_in_use();
    } else {
        goes_back_by_itself();
        goes_back_by_itself(); // it comes again
        goes_back_in_a_child();
    }
    return 0;
}
