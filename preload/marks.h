// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Changes that a program makes to the mapping of a buffer end with the buffer (decision 12).
//
// glibc unmaps a large block when it is freed. That ends whatever the program did to the mapping:
// made it read-only, locked it, excluded it from children, bound it to a memory node, mapped a file
// or shared memory over a part of it. A pooled buffer would pass that on to its next owner, crash
// the scrub, or make it write zeros into the file. So the calls that do this are interposed. They
// do what they always do, and the buffer's record says that the mapping was changed. When such a
// buffer is freed, its memory is replaced instead of retained. Only lasting changes are recorded:
// dropping pages, or advice for huge pages, is not.
//
// A part of a buffer that the program unmaps or moves away becomes addresses without access. In a
// hole of the arena the kernel could place any other mapping, which would then be taken for the
// pool's.
//
// marks.c and attached.c export these functions under libc's names, with libc's results and errno.
// syscall.c calls them for system calls made through syscall().
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_PRELOAD_MARKS_H
#define ZP_PRELOAD_MARKS_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

// Records a change of a range if `result` is 0. Returns `result`.
int zp_marks_note(long result, const void *address, size_t length);

// The same for a mapping of unknown length that begins at `address`.
void zp_marks_note_at(const void *address);

int zp_marks_mprotect(void *address, size_t length, int protection);
int zp_marks_pkey_mprotect(void *address, size_t length, int protection, int key);
int zp_marks_madvise(void *address, size_t length, int advice);
ssize_t zp_marks_process_madvise(int process, const struct iovec *ranges, size_t count, int advice,
                                 unsigned flags);
int zp_marks_mlock(const void *address, size_t length);
int zp_marks_mlock2(const void *address, size_t length, unsigned flags);
int zp_marks_mseal(void *address, size_t length, unsigned long flags);

void *zp_marks_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int zp_marks_munmap(void *address, size_t length);
void *zp_marks_mremap(void *from, size_t length, size_t new_length, int flags, void *to);

// attached.c: shared memory, and page faults handled by a userfaultfd.
void *zp_marks_shmat(int id, const void *address, int flags);
int zp_marks_shmdt(const void *address);
int zp_marks_ioctl(int fd, unsigned long request, void *argument);

#endif
