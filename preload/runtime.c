// SPDX-License-Identifier: MIT OR Apache-2.0

#include "runtime.h"

#include "core/base.h"
#include "preload/passed.h"

#include <dlfcn.h>
#include <link.h>

// std::set_new_handler. Every runtime defines it; allocators that only define operators do not.
static const char landmark[] = "_ZSt15set_new_handlerPFvvE";

static const struct link_map *file_of(const void *address)
{
    Dl_info info;
    void *map = NULL;
    return dladdr1(address, &info, &map, RTLD_DL_LINKMAP) != 0 ? map : NULL;
}

// A symbol of a loaded file, or of the libraries that it is linked with.
static void *look(const char *file, const char *name, bool keep_open)
{
    void *handle = zp_passed_dlopen()(file, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == NULL)
        return NULL;
    void *found = dlsym(handle, name);
    if (!keep_open)
        dlclose(handle);
    return found;
}

static void *find_landmark(const void *caller)
{
    const struct link_map *map = file_of(caller);
    void *found = map != NULL ? look(map->l_name, landmark, false) : NULL;
    if (found == NULL)
        found = dlsym(RTLD_DEFAULT, landmark);
    if (found == NULL)
        found = look("libstdc++.so.6", landmark, false);
    return found != NULL ? found : look("libc++.so.1", landmark, false);
}

void *zp_runtime_operator(const char *name, const void *caller)
{
    void *mark = find_landmark(caller);
    const struct link_map *map = mark != NULL ? file_of(mark) : NULL;
    void *found = map != NULL ? look(map->l_name, name, true) : NULL;
    // A program with a runtime linked in may lack this operator. Then the search finds this
    // library's.
    return found != NULL && file_of(found) != file_of(landmark) ? found : NULL;
}
