// SPDX-License-Identifier: MIT OR Apache-2.0
//
// dlopen with RTLD_DEEPBIND (decision 27).
//
// A library opened with that flag, as php opens its extensions, would use malloc and free of glibc,
// while the rest of the program uses those of this library: the first pointer that one side frees
// for the other crashes. So libc's symbols of these names are first redirected to this library
// (redirect.h), and the flag keeps its meaning for all other names. Where they cannot be redirected
// the flag is removed from the call.

#include "core/log.h"
#include "preload/export.h"
#include "preload/passed.h"
#include "preload/redirect.h"

#include <dlfcn.h>

EXPORT void *dlopen(const char *path, int flags);

static __attribute__((noinline)) int keep_one_allocator(const char *path, int flags)
{
    if (zp_redirect_libc())
        return flags;
    zp_log(ZP_LOG_INFO, "RTLD_DEEPBIND left out for ", path);
    return flags & ~RTLD_DEEPBIND;
}

// glibc identifies the caller by the return address and searches where the caller's file says
// (RUNPATH, $ORIGIN). So this must be a tail call (a jump), which the compiler makes when it
// optimises.
void *dlopen(const char *path, int flags)
{
    if (flags & RTLD_DEEPBIND)
        flags = keep_one_allocator(path, flags);
    return zp_passed_dlopen()(path, flags);
}
