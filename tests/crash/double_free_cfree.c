// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The other names of free find the same.

#include "crash.h"

#include <dlfcn.h>

// glibc 2.36 keeps it for old programs only.
static void (*old_cfree(void))(void *)
{
    void (*found)(void *);
    *(void **)&found = dlsym(RTLD_DEFAULT, "cfree");
    CHECK(found != NULL);
    return found;
}

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    free(buffer);
    expect_fatal("double free", buffer);
    old_cfree()(buffer);
}
