// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What only newer versions of glibc offer. A library that was built with an older one, as the one
// in the Python wheel is, finds it at run time if it is there. Locking and fork: nothing is kept
// here.

#ifndef ZP_CORE_LIBC_H
#define ZP_CORE_LIBC_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

// glibc 2.32
extern char __libc_single_threaded __attribute__((weak));
int pthread_attr_setsigmask_np(pthread_attr_t *attributes, const sigset_t *mask)
    __attribute__((weak));

// Whether this thread is the only one of the process. False if that is not known.
static inline bool zp_is_single_threaded(void)
{
    return &__libc_single_threaded != NULL && __libc_single_threaded != 0;
}

#endif
