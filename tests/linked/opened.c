// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libzeropool.so that is opened while the program runs, as ctypes does: alone it has a pool of its
// own; under the preloaded library it uses that one. usage: opened LIBRARY

#include "core/zeropool.h"
#include "tests/preload/check.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments)
{
    CHECK(count == 2);
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    __typeof__(&zeropool_get) get;
    __typeof__(&zeropool_put) put;
    __typeof__(&zeropool_owns) owns;
    *(void **)&get = dlsym(library, "zeropool_get");
    *(void **)&put = dlsym(library, "zeropool_put");
    *(void **)&owns = dlsym(library, "zeropool_owns");
    CHECK(get != NULL && put != NULL && owns != NULL);
    char *buffer = get(4 * MIB), *allocated = opaque(malloc(4 * MIB));
    CHECK(owns(buffer) && all_bytes(buffer, 0, 4 * MIB));
    CHECK((owns(allocated) != 0) == library_is_loaded());
    if (library_is_loaded())
        free(memset(buffer, 1, 4 * MIB));
    else
        put(memset(buffer, 1, 4 * MIB));
    put(allocated);
    CHECK(!owns(buffer) && dlclose(library) == 0);
    buffer = get(4 * MIB); // it stays
    CHECK(owns(buffer));
    put(buffer);
    return 0;
}
