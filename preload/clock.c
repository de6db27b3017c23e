// SPDX-License-Identifier: MIT OR Apache-2.0

#include "clock.h"

#include "core/base.h"
#include "core/syscall.h"
#include "preload/passed.h"

#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <unistd.h>

typedef int read_clock(clockid_t clock, struct timespec *now);

static int by_number(clockid_t clock, struct timespec *now)
{
    return (int)zp_syscall(SYS_clock_gettime, clock, now);
}

static ZP_FROZEN read_clock *read_now = by_number;

// libc's own, which needs no system call: 11 ns instead of 550. Priority 101 makes it run before
// the constructor in start.c, which makes this variable read-only at the latest.
__attribute__((constructor(101))) static void find_clock(void)
{
    void *libc = zp_passed_dlopen()(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);
    void *found = libc != NULL ? dlsym(libc, "clock_gettime") : NULL;
    if (found != NULL)
        *(void **)&read_now = found;
}

int zp_je_clock_gettime(clockid_t clock, struct timespec *now)
{
    return read_now(clock, now);
}

int zp_je_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
    (void)attributes; // jemalloc passes none
    *condition = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    return 0;
}

uint32_t zp_clock_microseconds(void)
{
    struct timespec now;
    zp_je_clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_sec * 1000000 + (uint32_t)now.tv_nsec / 1000;
}

uint32_t zp_clock_milliseconds(void)
{
    struct timespec now;
    zp_je_clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint32_t)now.tv_sec * 1000 + (uint32_t)now.tv_nsec / 1000000;
}
