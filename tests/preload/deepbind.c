// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library opened with RTLD_DEEPBIND that has an allocator of its own: a crash when a pointer is
// freed on the other side. And a dlopen that takes another file for its caller.

#include "check.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    require_library();
    // $ORIGIN is the folder of the file that calls dlopen.
    void *opened = dlopen("$ORIGIN/libdeepbind_opened.so", RTLD_NOW | RTLD_DEEPBIND);
    CHECK(opened != NULL);
    char *(*opened_allocate)(size_t);
    void (*opened_free)(char *);
    *(void **)&opened_allocate = dlsym(opened, "opened_allocate");
    *(void **)&opened_free = dlsym(opened, "opened_free");
    CHECK(opened_allocate != NULL && opened_free != NULL);

    static const size_t sizes[] = {1, 100, 5000, 300 * KIB, 3 * MIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int round = 0; round < 100; round++) {
            char *theirs = opened_allocate(sizes[i]), *own = malloc(opaque_size(sizes[i]));
            CHECK(theirs != NULL && own != NULL);
            memset(theirs, round, sizes[i]);
            memset(own, round, sizes[i]);
            free(opaque(theirs));
            opened_free(own);
        }
    CHECK(dlclose(opened) == 0);
    CHECK(dlopen("libdoes_not_exist.so", RTLD_NOW | RTLD_DEEPBIND) == NULL && dlerror() != NULL);
}
