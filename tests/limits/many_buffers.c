// SPDX-License-Identifier: MIT OR Apache-2.0
//
// More live buffers than the kernel grants mappings for one each. Breaks when they leave none for
// the program's own mappings, threads and libraries, or when buffers that share mappings are mixed
// up, not zero, or not inherited by a child: with one size, with sizes mixed, freed in turns and
// asked for again, after realloc, and in the child of a fork.
//
// usage: many_buffers CASE

#include "tests/preload/check.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MOST = 40000, SPARE = 20000 };

static char *buffers[MOST];
static size_t sizes[MOST];
static int buffer_count;

static void *nothing(void *argument)
{
    return argument;
}

static void check_room(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *mapped = mmap(NULL, page_size(), PROT_READ, MAP_PRIVATE, file, 0);
    CHECK(mapped != MAP_FAILED && munmap(mapped, page_size()) == 0);
    close(file);
    void *library = dlopen("libm.so.6", RTLD_NOW);
    CHECK(library != NULL && dlclose(library) == 0);
    size_t most = proc_kib("/proc/sys/vm/max_map_count", "");
    CHECK(proc_mappings() + SPARE < most);
}

// A page of a buffer holds the buffer's number.
static int *page_of(int i)
{
    return (int *)(void *)(buffers[i] + sizes[i] / 2 / page_size() * page_size());
}

static void take(int i, size_t size)
{
    CHECK((buffers[i] = malloc(size)) != NULL);
    sizes[i] = size;
    CHECK(*page_of(i) == 0);
    *page_of(i) = i + 1;
}

static void check_all(void)
{
    for (int i = 0; i < buffer_count; i++)
        CHECK(*page_of(i) == i + 1);
}

static void free_all(void)
{
    check_all();
    for (int i = 0; i < buffer_count; i++)
        free(buffers[i]);
}

static size_t mixed_size(int i)
{
    static const size_t some[] = {2 * MIB, 3 * MIB, 2 * MIB + 100, 5 * MIB, MIB, 12 * MIB};
    return some[i % 6];
}

static void take_all(int count, bool mixed)
{
    buffer_count = count;
    for (int i = 0; i < count; i++)
        take(i, mixed ? mixed_size(i) : 2 * MIB);
}

// Every so many buffers are freed and others of another size asked for, which then go again.
static void in_turns(void)
{
    take_all(33000, true);
    for (int step = 2; step <= 4; step++) {
        for (int i = step - 1; i < buffer_count; i += step)
            free(buffers[i]);
        for (int i = step - 1; i < buffer_count; i += step)
            take(i, mixed_size(i + step));
        check_room();
        check_all();
    }
    free_all();
    take_all(33000, false);
    check_room();
    free_all();
}

static void resized(void)
{
    take_all(17500, false);
    for (int i = 0; i < buffer_count; i += 4) {
        int *kept = page_of(i);
        size_t at = (size_t)((char *)kept - buffers[i]);
        size_t size = i % 3 == 0 ? 2400 * KIB : i % 3 == 1 ? 6 * MIB : MIB + 4 * KIB;
        CHECK((buffers[i] = realloc(buffers[i], size)) != NULL);
        CHECK(*(int *)(void *)(buffers[i] + at) == i + 1);
        *(int *)(void *)(buffers[i] + at) = 0;
        sizes[i] = size;
        *page_of(i) = i + 1;
    }
    check_room();
    free_all();
}

static void in_a_child(void)
{
    take_all(30000, false);
    for (int i = 1; i < buffer_count; i += 2)
        free(buffers[i]);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 1; i < buffer_count; i += 2)
            take(i, 2 * MIB);
        check_room();
        free_all();
        take_all(33000, true);
        check_room();
        _exit(0);
    }
    expect_success(child);
    for (int i = 1; i < buffer_count; i += 2)
        take(i, 2 * MIB);
    check_room();
    free_all();
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    require_library();
    if (access("/proc/sys/vm/max_map_count", R_OK) != 0 ||
        proc_kib("/proc/sys/vm/max_map_count", "") > 70000)
        check_skip("vm.max_map_count cannot be read, or is too high to be reached");
    if (proc_kib("/proc/meminfo", "MemTotal:") * KIB < 2 * MOST * page_size())
        check_skip("too little memory for a page of each buffer");
    CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0); // a page of each is touched, not 2 MiB
    const char *name = arguments[1];
    if (strcmp(name, "in-turns") == 0) {
        in_turns();
    } else if (strcmp(name, "resized") == 0) {
        resized();
    } else if (strcmp(name, "in-a-child") == 0) {
        in_a_child();
    } else {
        take_all(33000, strcmp(name, "mixed") == 0);
        check_room();
        free_all();
        check_room();
    }
    return 0;
}
