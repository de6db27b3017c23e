// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a fork must not change: the data of live buffers on either side, that pooled memory is zero,
// that the child has a pool; and that freeing what is shared copies none of it.

#include "check.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFERS = 6 };

static const size_t sizes[] = {MIB, 8 * MIB}; // both slot layouts

static size_t private_dirty_kib(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Private_Dirty:");
}

// Runs `work` in a child, which must come to its end.
static void in_child(void (*work)(size_t size), size_t size)
{
    pid_t child = fork();
    if (child == 0) {
        work(size);
        _exit(0);
    }
    expect_success(child);
}

// ---- Freeing what is shared ------------------------------------------------------------------

static void free_costs_nothing(void *buffer)
{
    size_t before = private_dirty_kib();
    free(buffer);
    CHECK(private_dirty_kib() < before + 1024);
}

static void child_frees_inherited(void)
{
    char *array = malloc(GIB);
    memset(array, 1, GIB);
    pid_t child = fork();
    if (child == 0) {
        free_costs_nothing(array);
        _exit(0);
    }
    expect_success(child);
    CHECK(all_bytes(array, 1, GIB));
    free(array);
}

static void parent_frees_what_a_child_has(void)
{
    char *array = malloc(256 * MIB);
    memset(array, 1, 256 * MIB);
    int freed[2];
    char byte = 0;
    CHECK(pipe(freed) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(read(freed[0], &byte, 1) == 1);
        CHECK(all_bytes(array, 1, 256 * MIB));
        free_costs_nothing(array);
        _exit(0);
    }
    free_costs_nothing(array);
    CHECK(write(freed[1], &byte, 1) == 1);
    expect_success(child);
    close(freed[0]);
    close(freed[1]);
}

// ---- Pooled buffers and forks ----------------------------------------------------------------

static void fill(char *const *buffers, size_t size, int value)
{
    for (int i = 0; i < BUFFERS; i++)
        memset(buffers[i], value + i, size);
}

static bool filled(char *const *buffers, size_t size, int value)
{
    bool ok = true;
    for (int i = 0; i < BUFFERS; i++)
        ok = ok && all_bytes(buffers[i], value + i, size);
    return ok;
}

static void allocate(char **buffers, size_t size)
{
    for (int i = 0; i < BUFFERS; i++) {
        buffers[i] = i % 2 != 0 ? malloc(size) : calloc(1, size);
        CHECK(buffers[i] != NULL && all_bytes(buffers[i], 0, size));
    }
}

static void free_all(char *const *buffers)
{
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
}

// So that the next requests of this size are served by the pool.
static void fill_pool(size_t size)
{
    char *buffers[BUFFERS];
    allocate(buffers, size);
    fill(buffers, size, 100);
    free_all(buffers);
}

// A buffer that was pooled at one fork and is live at the next must reach the child with its data:
// the mark that spares the first fork from copying it has to be gone.
static void reuse_and_fork(size_t size)
{
    char *buffers[BUFFERS];
    allocate(buffers, size);
    fill(buffers, size, 1);
    pid_t child = fork();
    if (child == 0) {
        CHECK(filled(buffers, size, 1));
        fill(buffers, size, 50);
        free_all(buffers);
        _exit(0);
    }
    expect_success(child);
    CHECK(filled(buffers, size, 1));
    free_all(buffers);
}

static void reuse_on_both_sides(size_t size)
{
    fill_pool(size);
    pid_t child = fork();
    if (child == 0) {
        reuse_and_fork(size);
        _exit(0);
    }
    reuse_and_fork(size);
    expect_success(child);
}

// What grows out of a pooled buffer is moved or extended; the mark must not move with it.
static void grow_after_fork(size_t size)
{
    fill_pool(size);
    in_child(fill_pool, size);
    char *buffer = malloc(size);
    memset(buffer, 1, size);
    buffer = realloc(buffer, 3 * size);
    CHECK(buffer != NULL && all_bytes(buffer, 1, size));
    memset(buffer, 2, 3 * size);
    pid_t child = fork();
    if (child == 0) {
        CHECK(all_bytes(buffer, 2, 3 * size));
        free(buffer);
        _exit(0);
    }
    expect_success(child);
    free(buffer);
}

static void child_has_a_pool(size_t size)
{
    void *first = malloc(size);
    CHECK(first != NULL);
    memset(first, 1, size);
    free(first);
    void *again = malloc(size);
    CHECK(again == first && all_bytes(again, 0, size));
    free(again);
}

static void generations(size_t size)
{
    static int depth;
    char *buffers[BUFFERS];
    allocate(buffers, size);
    fill(buffers, size, depth);
    if (++depth < 5)
        in_child(generations, size);
    CHECK(filled(buffers, size, depth - 1));
    free_all(buffers);
}

// ---- Without fork handlers -------------------------------------------------------------------

static void other_ways(size_t size)
{
    char *buffers[BUFFERS];
    fill_pool(size);
    allocate(buffers, size);
    fill(buffers, size, 1);

    pid_t child = vfork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
        _exit(1);
    }
    expect_success(child);

    char *arguments[] = {"sh", "-c", "exit 0", NULL};
    CHECK(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0);
    expect_success(child);
    CHECK(system("exit 0") == 0);
    CHECK(filled(buffers, size, 1));
    free_all(buffers);
    fill_pool(size);
}

int main(void)
{
    require_library();
    in_child(child_has_a_pool, MIB); // before this process has started one
    child_frees_inherited();
    parent_frees_what_a_child_has();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int round = 0; round < 3; round++)
            reuse_on_both_sides(sizes[i]);
        grow_after_fork(sizes[i]);
        in_child(child_has_a_pool, sizes[i]);
        in_child(generations, sizes[i]);
        other_ways(sizes[i]);
    }
    return 0;
}
