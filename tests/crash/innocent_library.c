// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Libraries loaded and unloaded while buffers come and go.

#include "crash.h"

#include <dlfcn.h>

int main(void)
{
    require_library();
    for (int i = 0; i < 20; i++) {
        void *buffer = opaque(malloc(2 * MIB)), *library = dlopen("libm.so.6", RTLD_NOW);
        CHECK(library != NULL);
        free(buffer);
        buffer = opaque(malloc(3 * MIB));
        CHECK(dlclose(library) == 0);
        free(buffer);
    }
    return 0;
}
