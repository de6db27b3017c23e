// SPDX-License-Identifier: MIT OR Apache-2.0

#include "operators.h"

#include "core/log.h"
#include "preload/allocate.h"
#include "preload/runtime.h"

#include <stdlib.h>

// The runtime's operator of that name. Where there is no memory it calls the program's new-handler
// until that gives up, and throws.
static ZP_COLD void *runtime_operator(const char *name, const void *caller)
{
    void *found = zp_runtime_operator(name, caller);
    if (found != NULL)
        return found;
    zp_log(ZP_LOG_WARNING, "operator new has no memory, and there is no C++ runtime to throw",
           NULL);
    abort();
}

static ZP_COLD void *fail(size_t size, const void *caller)
{
    void *(*theirs)(size_t);
    *(void **)&theirs = runtime_operator("_Znwm", caller);
    return theirs(size);
}

static ZP_COLD void *fail_aligned(size_t size, zp_alignment alignment, const void *caller)
{
    void *(*theirs)(size_t, zp_alignment);
    *(void **)&theirs = runtime_operator("_ZnwmSt11align_val_t", caller);
    return theirs(size, alignment);
}

ZP_ONE_LINE void *zp_new(size_t size)
{
    void *pointer = zp_allocate(size);
    return ZP_LIKELY(pointer != NULL) ? pointer : fail(size, ZP_CALLER);
}

void *zp_new_aligned(size_t size, zp_alignment alignment)
{
    void *pointer = NULL;
    if (ZP_LIKELY(zp_is_power_of_two(alignment)))
        pointer = zp_allocate_aligned(alignment, size, ZP_CALLER);
    return ZP_LIKELY(pointer != NULL) ? pointer : fail_aligned(size, alignment, ZP_CALLER);
}

ZP_ONE_LINE void _ZdlPv(void *pointer)
{
    zp_release(pointer);
}

void _ZdlPvSt11align_val_t(void *pointer, zp_alignment alignment)
{
    (void)alignment;
    zp_release(pointer);
}

EXPORT __attribute__((alias("zp_new"))) void *_Znwm(size_t size);
EXPORT __attribute__((alias("zp_new_aligned"))) void *_ZnwmSt11align_val_t(size_t size,
                                                                           zp_alignment alignment);
