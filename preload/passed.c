// SPDX-License-Identifier: MIT OR Apache-2.0

#include "passed.h"

#include "core/base.h"
#include "core/syscall.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

static void *kernel_mmap(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset)
{
    return (void *)zp_syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

static int kernel_munmap(void *address, size_t length)
{
    return (int)zp_syscall(SYS_munmap, address, length);
}

static int kernel_mprotect(void *address, size_t length, int protection)
{
    return (int)zp_syscall(SYS_mprotect, address, length, protection);
}

static int kernel_madvise(void *address, size_t length, int advice)
{
    return (int)zp_syscall(SYS_madvise, address, length, advice);
}

static void *kernel_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *to = va_arg(more, void *); // always passed by marks.c
    va_end(more);
    return (void *)zp_syscall(SYS_mremap, from, length, new_length, flags, to);
}

static long kernel_syscall(long number, ...)
{
    long arguments[6];
    va_list more;
    va_start(more, number);
    for (int i = 0; i < 6; i++) // syscall.c always passes six
        arguments[i] = va_arg(more, long);
    va_end(more);
    return zp_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                      arguments[5]);
}

static int kernel_ioctl(int fd, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *); // always passed by attached.c
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

static pid_t early_fork(void)
{
    pid_t (*found)(void);
    *(void **)&found = dlsym(RTLD_NEXT, "fork");
    if (found != NULL)
        return found();
    errno = ENOSYS;
    return -1;
}

ZP_FROZEN struct zp_passed zp_passed = {
    .mmap = kernel_mmap,
    .munmap = kernel_munmap,
    .mprotect = kernel_mprotect,
    .madvise = kernel_madvise,
    .mremap = kernel_mremap,
    .syscall = kernel_syscall,
    .ioctl = kernel_ioctl,
    .shmat = kernel_shmat,
    .shmdt = kernel_shmdt,
    .fork = early_fork,
};

// Functions are stored through a pointer to an object: ISO C has no other way.
static void find(void *function, void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (found != NULL)
        *(void **)function = found;
}

static void find_all(struct zp_passed *all, void *library)
{
    find(&all->mmap, library, "mmap");
    find(&all->munmap, library, "munmap");
    find(&all->mprotect, library, "mprotect");
    find(&all->madvise, library, "madvise");
    find(&all->mremap, library, "mremap");
    find(&all->syscall, library, "syscall");
    find(&all->ioctl, library, "ioctl");
    find(&all->shmat, library, "shmat");
    find(&all->shmdt, library, "shmdt");
    find(&all->fork, library, "fork");
}

// Priority 101: before the constructor in start.c, after which zp_passed may be read-only.
__attribute__((constructor(101))) static void find_passed(void)
{
    find_all(&zp_passed, RTLD_NEXT);
}

bool zp_passed_is(void *library)
{
    struct zp_passed its = zp_passed;
    find_all(&its, library);
    return memcmp(&its, &zp_passed, sizeof(its)) == 0;
}

zp_opener *zp_passed_dlopen(void)
{
    static zp_opener *found; // the same for every thread
    zp_opener *opener = __atomic_load_n(&found, __ATOMIC_RELAXED);
    if (opener == NULL) {
        *(void **)&opener = dlsym(RTLD_NEXT, "dlopen");
        __atomic_store_n(&found, opener, __ATOMIC_RELAXED);
    }
    return opener;
}
