// SPDX-License-Identifier: MIT OR Apache-2.0
//
// RTLD_DEEPBIND means that a library's own functions come before the program's of the same name:
// left out, the library calls the wrong ones. malloc's family alone must be the program's, from the
// library's constructor on, and what is watched is still seen.
//
// usage: deepbind_scope OPENED NAME...: the functions that must be the preloaded library's

#include "check.h"

#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT const char *who(void);
EXPORT const char *who(void)
{
    return "program";
}

static const char *path;

static void *function(void *library, const char *name)
{
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    return found;
}

static const void *file_of(const void *address)
{
    Dl_info info;
    CHECK(dladdr(address, &info) != 0);
    return info.dli_fbase;
}

static void *open_it(void *argument)
{
    void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    CHECK(opened != NULL);
    (void)argument;
    return opened;
}

int main(int count, char **arguments)
{
    require_library();
    CHECK(count > 20);
    path = arguments[1];
    const void *library = file_of(function(RTLD_DEFAULT, "malloc"));
    void *libc = dlopen(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);
    const char *puts_is_in = file_of(function(libc, "puts"));

    // By several threads at once: whoever is second must not find half of it.
    pthread_t threads[4];
    void *opened = NULL;
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, open_it, NULL) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], &opened) == 0);

    const char *(*ask)(void);
    *(void **)&ask = function(opened, "opened_ask");
    CHECK(strcmp(ask(), "opened") == 0);
    char **early = function(opened, "opened_early");
    for (int i = 0; i < 3; i++)
        free(early[i]); // made by its constructor
    for (int i = 2; i < count; i++)
        if (dlsym(libc, arguments[i]) != NULL) // this libc has it
            CHECK(file_of(function(opened, arguments[i])) == library);

    void (*make_read_only)(void *, size_t);
    *(void **)&make_read_only = function(opened, "opened_make_read_only");
    char *buffer = memset(valloc(3 * MIB), 1, 3 * MIB);
    make_read_only(buffer, 3 * MIB);
    free(buffer);
    check_as_new(buffer = valloc(3 * MIB), 3 * MIB);
    free(buffer);

    // Everything else of libc is where it was.
    Dl_info info;
    CHECK(dladdr(function(opened, "puts"), &info) != 0 && info.dli_fbase == puts_is_in);
    CHECK(dladdr(function(opened, "malloc"), &info) != 0 &&
          strstr(info.dli_sname, "malloc") != NULL);
    CHECK(dlclose(opened) == 0);
}
