// SPDX-License-Identifier: MIT OR Apache-2.0

#include "passed.h"

#include "core/base.h"
#include "core/syscall.h"

#include <dlfcn.h>
#include <stdarg.h>

static long kernel_syscall(long number, ...)
{
    long arguments[6];
    va_list more;
    va_start(more, number);
    for (int i = 0; i < 6; i++) // there are six: syscall.c calls it
        arguments[i] = va_arg(more, long);
    va_end(more);
    return zp_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                      arguments[5]);
}

static int kernel_ioctl(int fd, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *); // there is one: attached.c calls it
    va_end(more);
    return (int)zp_syscall(SYS_ioctl, fd, request, argument);
}

static void *kernel_shmat(int id, const void *address, int flags)
{
    return (void *)zp_syscall(SYS_shmat, id, address, flags);
}

static int kernel_shmdt(const void *address)
{
    return (int)zp_syscall(SYS_shmdt, address);
}

ZP_FROZEN struct zp_passed zp_passed = {
    .syscall = kernel_syscall,
    .ioctl = kernel_ioctl,
    .shmat = kernel_shmat,
    .shmdt = kernel_shmdt,
};

// Functions are stored through a pointer to an object: ISO C has no other way.
static void find(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found != NULL)
        *(void **)function = found;
}

// Before the other constructor, at the latest after which this is read-only (start.c).
__attribute__((constructor(101))) static void find_all(void)
{
    find(&zp_passed.syscall, "syscall");
    find(&zp_passed.ioctl, "ioctl");
    find(&zp_passed.shmat, "shmat");
    find(&zp_passed.shmdt, "shmdt");
}
