// SPDX-License-Identifier: MIT OR Apache-2.0

#include "inherit.h"

#include "preload/jemalloc.h"
#include "preload/preloads.h"

#include <string.h>

static const char variable[] = "LD_PRELOAD=";

static void remove_entry(char **entry)
{
    while ((entry[0] = entry[1]) != NULL)
        entry++;
}

// Takes the library out of one entry. Returns whether the entry is still there.
static bool change(char **entry)
{
    size_t size = strlen(*entry) + 1;
    char *changed = zp_je_malloc(size); // stays: the program may keep pointers into it
    if (changed == NULL)
        return true;
    memcpy(changed, *entry, size);
    char *list = changed + sizeof(variable) - 1;
    bool own = zp_preloads_leave(list);
    if (own && *list != '\0') {
        *entry = changed;
        return true;
    }
    if (own)
        remove_entry(entry);
    zp_je_free(changed);
    return !own;
}

void zp_inherit_end(char **environment)
{
    // A list may have the variable twice; then the dynamic linker takes the last.
    for (char **entry = environment; *entry != NULL;)
        if (strncmp(*entry, variable, sizeof(variable) - 1) != 0 || change(entry))
            entry++;
}
