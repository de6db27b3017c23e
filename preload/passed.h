// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Functions of names that this library takes over, as the next library has them: libc, or another
// preloaded one that stands in the way of the same calls. Before they have been looked up, when the
// library is loaded, the kernel itself serves; but for fork, which has to be libc's for its
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

// Whether they are all those of the library with that handle (of dlopen).
bool zp_passed_is(void *library);

typedef void *zp_opener(const char *path, int flags);

// dlopen: looked up when it is first asked for, which no allocation does.
zp_opener *zp_passed_dlopen(void);

#endif
