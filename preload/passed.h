// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The functions that this library interposes, as the next library defines them: libc, or another
// preloaded library that interposes the same calls. Until they have been looked up, when this
// library is loaded, system calls are made instead; but fork is always libc's, which runs the fork
// handlers.
//
// Locking: none; written once (ZP_FROZEN). Fork: nothing to do.

#ifndef ZP_PRELOAD_PASSED_H
#define ZP_PRELOAD_PASSED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct zp_passed {
    void *(*mmap)(void *address, size_t length, int protection, int flags, int fd, off_t offset);
    int (*munmap)(void *address, size_t length);
    int (*mprotect)(void *address, size_t length, int protection);
    int (*madvise)(void *address, size_t length, int advice);
    void *(*mremap)(void *from, size_t length, size_t new_length, int flags, ...);
    long (*syscall)(long number, ...);
    int (*ioctl)(int fd, unsigned long request, ...);
    void *(*shmat)(int id, const void *address, int flags);
    int (*shmdt)(const void *address);
    pid_t (*fork)(void);
};

extern struct zp_passed zp_passed;

// Whether all of them are those of the library with this handle (of dlopen).
bool zp_passed_is(void *library);

typedef void *zp_opener(const char *path, int flags);

// dlopen, looked up at the first call. No allocation calls this.
zp_opener *zp_passed_dlopen(void);

#endif
