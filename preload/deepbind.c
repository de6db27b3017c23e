// SPDX-License-Identifier: MIT OR Apache-2.0
//
// dlopen without RTLD_DEEPBIND.
//
// A library opened with that flag, as php opens its extensions, takes malloc and free from glibc
// rather than from here, while the program around it takes them from here: the first pointer that
// one side frees for the other crashes. So the flag is left out, and everybody has one allocator.
// (Should the library have symbols of the same name as the program, it now gets the program's.)

#include "core/log.h"
#include "preload/export.h"
#include "preload/passed.h"

#include <dlfcn.h>

EXPORT void *dlopen(const char *path, int flags);

// glibc knows the caller by its return address and looks where the caller's file says (RUNPATH,
// $ORIGIN). So this must end in a jump, as the compiler makes it when it optimises.
void *dlopen(const char *path, int flags)
{
    if (flags & RTLD_DEEPBIND)
        zp_log(ZP_LOG_INFO, "RTLD_DEEPBIND left out for ", path);
    return zp_passed_dlopen()(path, flags & ~RTLD_DEEPBIND);
}
