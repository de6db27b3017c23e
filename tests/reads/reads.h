// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the tests of reads share: files whose bytes say where they belong, every function that
// reads, asked through libc's names and by a raw system call, and the number of reads that the
// library has shared.

#ifndef ZP_TESTS_READS_READS_H
#define ZP_TESTS_READS_READS_H

#include "content.h"
#include "tests/preload/check.h"

#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

// What a buffer holds before it is read into.
enum { UNREAD = 0xEE };

// ---- Files -----------------------------------------------------------------------------------

// A file that nobody else has, for reading and writing, with content from 0 on. Where: "memory" (a
// memfd), "shared-memory" (/dev/shm), "here" (the working folder).
int make_file(const char *where, unsigned id, size_t size);

// The same without a name to open it by: its path under /proc/self/fd.
const char *path_of(int fd);

// Writes content into an open file; 1 MiB per call.
void write_content(int fd, unsigned id, uint64_t from, uint64_t to);

// Whether bytes are those of a file from an offset on.
bool holds(const char *bytes, unsigned id, uint64_t offset, size_t size);

// Of which file eight bytes are, and where they are in it.
unsigned id_at(const char *bytes);
uint64_t offset_at(const char *bytes);

// A new buffer that holds UNREAD; one at the start of a page.
char *new_buffer(size_t size);
char *new_aligned_buffer(size_t size);

// ---- Sharing ---------------------------------------------------------------------------------

// Reads that the library has shared so far, as its report says (malloc_stats). Not while another
// thread writes to stderr.
size_t shared_reads(void);

// Whether large reads are to be shared here: asked for, and more than one CPU.
bool is_sharing(void);

// Fails if so many reads have not been shared since there were `before`, though they should be.
void expect_shared(size_t before, size_t at_least);

// ---- Asking ----------------------------------------------------------------------------------

enum way {
    READ,
    READ_CHK,
    READV,
    WAYS_WITHOUT_OFFSET,
    PREAD = WAYS_WITHOUT_OFFSET,
    PREAD64,
    PREAD_CHK,
    PREAD64_CHK,
    PREADV,
    PREADV64,
    PREADV2,
    PREADV64V2,
    WAYS,
};

struct answer {
    ssize_t result;
    int error; // 0 if none
};

const char *name_of(enum way way);
bool is_vector(enum way way);

// Asks the function of that name. Those without a vector take the first piece.
struct answer ask(enum way way, int fd, const struct iovec *pieces, int count, off_t offset);

// Asks the kernel.
struct answer ask_kernel(enum way way, int fd, const struct iovec *pieces, int count, off_t offset);

// ---- The process -----------------------------------------------------------------------------

// What is in a folder.
unsigned entries(const char *path);

// Descriptors that are open.
unsigned descriptors(void);

#endif
