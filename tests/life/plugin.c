// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library for plugins.c: allocates when it is opened, in its thread-local destructor and when it
// is closed.

#include "plugin.h"

#include <stdlib.h>
#include <string.h>

static const size_t size = PLUGIN_BYTES;
static char *kept;
static _Thread_local char space[4096] = "some"; // dynamic thread-local memory

__attribute__((constructor)) static void open_plugin(void)
{
    free(malloc(size));
    kept = malloc(size);
    memset(kept, 7, size);
}

__attribute__((destructor)) static void close_plugin(void)
{
    if (kept[0] != 7 || kept[size - 1] != 7)
        abort();
    free(kept);
    free(calloc(3, size));
}

void *plugin_buffer(int value)
{
    char *buffer = malloc(size);
    memset(space, value, sizeof(space));
    memset(buffer, space[100], size);
    return buffer;
}

void plugin_free(void *buffer)
{
    free(buffer);
}
