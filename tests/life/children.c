// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Other ways to a child than fork: vfork and clone run it in the parent's memory, posix_spawn,
// system and popen do so behind the scenes, daemon forks and leaves. Meanwhile threads use the
// pool.

#include "tests/preload/check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, CHILDREN = 12, HELD = 4 };

static const size_t size = 2 * MIB;
static atomic_bool stop;
static char *held[HELD];
static char *const command[] = {"sh", "-c", "exit 0", NULL};

static void use(void)
{
    char *buffers[10];
    for (int i = 0; i < 10; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && buffers[i][0] == 0 && buffers[i][size - 1] == 0);
        buffers[i][0] = buffers[i][size - 1] = 1;
    }
    for (int i = 0; i < 10; i++)
        free(buffers[i]);
}

static void *use_until_told(void *argument)
{
    while (!atomic_load(&stop))
        use();
    return argument;
}

static void by_vfork(void)
{
    pid_t child = vfork();
    if (child == 0) {
        execv("/bin/sh", command);
        _exit(127);
    }
    expect_success(child);
}

// Buffers of the parent's that a child of vfork frees and asks for are the parent's. Programs must
// not do this, and some do: Python between its vfork and exec, for small ones.
static void by_vfork_allocating(void)
{
    char *volatile buffer = malloc(size);
    pid_t child = vfork();
    if (child == 0) {
        free(buffer);
        buffer = calloc(1, size);
        buffer[size - 1] = 9;
        _exit(0);
    }
    expect_success(child);
    CHECK(buffer[0] == 0 && buffer[size - 1] == 9);
    free(buffer);
}

static int in_clone(void *argument)
{
    execv("/bin/sh", argument);
    _exit(127);
}

static void by_clone(void)
{
    char *stack = malloc(MIB);
    expect_success(clone(in_clone, stack + MIB, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)command));
    free(stack);
}

static void by_spawn(void)
{
    pid_t child;
    CHECK(posix_spawn(&child, "/bin/sh", NULL, NULL, command, environ) == 0);
    expect_success(child);
}

static void by_system(void)
{
    CHECK(system("exit 0") == 0);
}

static void by_popen(void)
{
    char *text = malloc(size);
    FILE *pipe = popen("head -c 1500000 /dev/zero | tr '\\0' x", "r");
    CHECK(pipe != NULL);
    CHECK(fread(text, 1, size, pipe) == 1500000);
    CHECK(all_bytes(text, 'x', 1500000));
    CHECK(pclose(pipe) == 0);
    free(text);
}

// In a child, as the parent of daemon exits: what comes after it tells by a pipe that it works.
static void by_daemon(void)
{
    int pipes[2];
    char good = 0;
    CHECK(pipe(pipes) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(daemon(1, 1) == 0);
        use();
        for (int i = 0; i < HELD; i++)
            CHECK(all_bytes(held[i], i + 1, size));
        pthread_t thread;
        atomic_store(&stop, true);
        CHECK(pthread_create(&thread, NULL, use_until_told, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(write(pipes[1], "g", 1) == 1);
        _exit(0);
    }
    expect_success(child);
    close(pipes[1]);
    CHECK(read(pipes[0], &good, 1) == 1 && good == 'g');
    close(pipes[0]);
}

int main(void)
{
    static void (*const ways[])(void) = {
        by_vfork, by_vfork_allocating, by_clone, by_spawn, by_system, by_popen, by_daemon};
    require_library();
    pthread_t threads[THREADS];
    use();
    for (int i = 0; i < HELD; i++)
        memset(held[i] = malloc(size), i + 1, size);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use_until_told, NULL) == 0);
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
        for (int i = 0; i < CHILDREN; i++)
            ways[way]();
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < HELD; i++) {
        CHECK(all_bytes(held[i], i + 1, size));
        free(held[i]);
    }
    return 0;
}
