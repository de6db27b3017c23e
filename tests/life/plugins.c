// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library is opened and closed a thousand times, by threads in turn; what it allocated is freed
// when it is gone. With RTLD_DEEPBIND it is served by the C library's own malloc where that stands
// before the preloaded one: then it has to free what is its own.
//
// usage: plugins PLUGIN

#include "plugin.h"
#include "tests/preload/check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 1000, LEFT = 8 };

static const char *path;
static char *left[LEFT]; // by the library, which is closed by now

static void *symbol(void *library, const char *name)
{
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    return found;
}

static void *open_and_close(void *argument)
{
    size_t round = *(size_t *)argument;
    void *library = dlopen(path, RTLD_NOW | (round % 2 != 0 ? RTLD_GLOBAL : RTLD_LOCAL));
    CHECK(library != NULL);
    void *(*get)(int);
    *(void **)&get = symbol(library, "plugin_buffer");
    char **place = &left[round % LEFT];
    if (*place != NULL) {
        CHECK(all_bytes(*place, (int)(round - LEFT) % 100, PLUGIN_BYTES));
        free(*place);
    }
    *place = get((int)round % 100);
    CHECK(dlclose(library) == 0);
    return NULL;
}

static void open_deep(void)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
    CHECK(library != NULL);
    void *(*get)(int);
    *(void **)&get = symbol(library, "plugin_buffer");
    void (*give)(void *);
    *(void **)&give = symbol(library, "plugin_free");
    char *buffer = get(5);
    CHECK(all_bytes(buffer, 5, PLUGIN_BYTES));
    char *ours = malloc(PLUGIN_BYTES);
    give(buffer);
    free(ours);
    CHECK(dlclose(library) == 0);
}

int main(int count, char **arguments)
{
    require_library();
    CHECK(count == 2);
    path = arguments[1];
    for (size_t i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        if (i % 3 == 0) {
            open_and_close(&i);
            continue;
        }
        CHECK(pthread_create(&thread, NULL, open_and_close, &i) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    for (int i = 0; i < LEFT; i++)
        free(left[i]);
    for (int i = 0; i < 10; i++)
        open_deep();
    return 0;
}
