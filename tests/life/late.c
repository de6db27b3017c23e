// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that was started without the library opens it by dlopen: allocations made before stay
// with the C library's malloc, and nothing of the program's is redirected. A library opened
// afterwards may be served by it, and its threads must not be harmed when it is closed again.
//
// usage: late LIBRARY local|global

#include "tests/preload/check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const size_t size = 2 * MIB;
static void *(*its_malloc)(size_t);
static void (*its_free)(void *);

static void *use(void *argument)
{
    char *ours = malloc(size);
    memset(ours, 1, size);
    char *its[12];
    for (int i = 0; i < 12; i++) {
        its[i] = its_malloc(size + (size_t)i);
        CHECK(its[i] != NULL);
        memset(its[i], 2, size);
    }
    for (int i = 0; i < 12; i++)
        its_free(its[i]);
    free(ours);
    return argument;
}

// Lives on, with buffers in its cache, when the library has been closed.
static void *use_and_outlive(void *argument)
{
    use(argument);
    pthread_barrier_wait(argument);
    pthread_barrier_wait(argument);
    return NULL;
}

static bool open_and_close(const char *path, int visible)
{
    pthread_t thread;
    pthread_barrier_t barrier;
    void *library = dlopen(path, RTLD_NOW | visible);
    if (library == NULL)
        return false;
    *(void **)&its_malloc = dlsym(library, "malloc");
    *(void **)&its_free = dlsym(library, "free");
    CHECK(its_malloc != NULL && its_malloc != malloc && its_free != NULL);
    use(NULL);
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, use_and_outlive, &barrier) == 0);
    pthread_barrier_wait(&barrier);
    CHECK(dlclose(library) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    expect_success(child);
    pthread_barrier_wait(&barrier);
    CHECK(pthread_join(thread, NULL) == 0);
    return true;
}

int main(int count, char **arguments)
{
    CHECK(count == 3 && !library_is_loaded());
    int visible = strcmp(arguments[2], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL;
    for (int i = 0; i < 3; i++) {
        char *before = malloc(size);
        if (!open_and_close(arguments[1], visible))
            check_skip(dlerror()); // no room for its thread-local variables
        free(before);
        free(opaque(malloc(size)));
    }
    return 0;
}
