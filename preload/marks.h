// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a program does to the memory of its buffers, seen in its calls, ends with the buffer.
//
// glibc unmaps a large block when it is freed, and with it goes whatever the program did to the
// mapping: made it read-only, locked it, kept it from children, bound it to a node of memory,
// mapped a file or memory of others over a part of it. A pooled buffer would pass that on to its
// next owner, crash the scrub, or have it write zeros into the file. So these calls do what they
// always do, and note it in the buffer's record; when freed, such a buffer's memory is replaced
// instead of kept. Only what outlives the call counts: dropping pages or asking for huge ones does
// not.
//
// What a program unmaps or moves away of a buffer becomes addresses without access: in a hole of
// the arena anything could be mapped, and then would be the pool's.
//
// The functions are those of libc's names, which marks.c and attached.c export, with results and
// errno as there; syscall.c has the same calls by number.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_PRELOAD_MARKS_H
#define ZP_PRELOAD_MARKS_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

// Notes what was done to a range where the result says that it was. Passes the result on.
int zp_marks_note(long result, const void *address, size_t length);

// The same for a mapping of unknown length that begins there: it ends with the buffer at the
// latest.
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

// attached.c: what is not memory of this process alone, or is served by somebody else.
void *zp_marks_shmat(int id, const void *address, int flags);
int zp_marks_shmdt(const void *address);
int zp_marks_ioctl(int fd, unsigned long request, void *argument);

#endif
