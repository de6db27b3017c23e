// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Functions of names that this library takes over, as the next library has them: libc, or another
// preloaded one that stands in the way of the same calls. Before they have been looked up, when the
// library is loaded, the kernel itself serves.
//
// Locking: none; written once (ZP_FROZEN). Fork: nothing to do.

#ifndef ZP_PRELOAD_PASSED_H
#define ZP_PRELOAD_PASSED_H

struct zp_passed {
    long (*syscall)(long number, ...);
    int (*ioctl)(int fd, unsigned long request, ...);
    void *(*shmat)(int id, const void *address, int flags);
    int (*shmdt)(const void *address);
};

extern struct zp_passed zp_passed;

#endif
