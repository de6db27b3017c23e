// SPDX-License-Identifier: MIT OR Apache-2.0
//
// dlopen with RTLD_DEEPBIND.
//
// A library opened with that flag, as php opens its extensions, would take malloc and free from
// glibc rather than from here, while the program around it takes them from here: the first pointer
// that one side frees for the other crashes. So libc's own symbols of these names are made to lead
// here first (redirect.h), and the flag keeps its meaning for all others. Where that cannot be done
// the flag is left out.

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

// glibc knows the caller by its return address and looks where the caller's file says (RUNPATH,
// $ORIGIN). So this must end in a jump, as the compiler makes it when it optimises.
void *dlopen(const char *path, int flags)
{
    if (flags & RTLD_DEEPBIND)
        flags = keep_one_allocator(path, flags);
    return zp_passed_dlopen()(path, flags);
}
