// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Buffers that the kernel writes to or reads from past the program: direct reads, io_uring, pipes
// that hold pages. Breaks when a buffer is not aligned enough, when what was read is lost, or when
// a buffer comes back to the next owner with it.
//
// usage: devices direct | ring | fixed-ring | pipe

#include "tests/preload/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROUNDS = 20, PIECE = 32 * 1024 };

static const size_t size = 3 * MIB;

static int make_file(int flags)
{
    char name[] = "direct-XXXXXX"; // here: /tmp may be in memory, without direct reads
    int made = mkstemp(name);
    CHECK(made >= 0);
    char *text = malloc(size);
    memset(text, 'x', size);
    CHECK(write(made, text, size) == (ssize_t)size && fsync(made) == 0);
    free(text);
    close(made);
    made = open(name, O_RDONLY | O_CLOEXEC | flags);
    int error = errno;
    unlink(name);
    if (made < 0 && error == EINVAL)
        check_skip("no direct reads from this file system");
    CHECK(made >= 0);
    return made;
}

// Direct reads have to work into memory that no allocator has given.
static int make_direct_file(void)
{
    int file = make_file(O_DIRECT);
    char *page = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    if (pread(file, page, PIECE, 0) < 0 && errno == EINVAL)
        check_skip("direct reads are refused here");
    munmap(page, PIECE);
    return file;
}

// Direct reads need whole pages: what malloc gives is aligned to less, as glibc's is.
static char *clean_buffer(void)
{
    char *buffer = aligned_alloc((size_t)sysconf(_SC_PAGESIZE), size);
    CHECK(buffer != NULL && all_bytes(buffer, 0, size));
    return buffer;
}

static void read_directly(void)
{
    int file = make_direct_file();
    for (int i = 0; i < ROUNDS; i++) {
        char *buffer = clean_buffer();
        ssize_t got = pread(file, buffer, size, 0);
        CHECK(got == (ssize_t)size && all_bytes(buffer, 'x', size));
        free(buffer);
    }
}

// ---- io_uring --------------------------------------------------------------------------------

static struct ring {
    int fd;
    char *submissions, *completions; // shared with the kernel
    struct io_uring_sqe *entries;
    struct io_uring_params params;
} ring;

static void *map_ring(size_t length, off_t what)
{
    void *mapped =
        mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, what);
    CHECK(mapped != MAP_FAILED);
    return mapped;
}

static void open_ring(void)
{
    struct io_uring_params *params = &ring.params;
    ring.fd = (int)syscall(SYS_io_uring_setup, 4, params);
    if (ring.fd < 0)
        check_skip("no io_uring here");
    size_t entries = params->sq_entries * sizeof(struct io_uring_sqe);
    size_t results = params->cq_entries * sizeof(struct io_uring_cqe);
    ring.submissions =
        map_ring(params->sq_off.array + params->sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
    ring.completions = map_ring(params->cq_off.cqes + results, IORING_OFF_CQ_RING);
    ring.entries = map_ring(entries, IORING_OFF_SQES);
}

static uint32_t *word(char *shared, uint32_t offset)
{
    return (uint32_t *)(void *)(shared + offset);
}

// One read, waited for. What it returned.
static int read_by_ring(int file, char *buffer, bool fixed)
{
    const struct io_uring_params *params = &ring.params;
    uint32_t *tail = word(ring.submissions, params->sq_off.tail);
    uint32_t *head = word(ring.completions, params->cq_off.head);
    uint32_t place = *tail & *word(ring.submissions, params->sq_off.ring_mask);
    ring.entries[place] = (struct io_uring_sqe){
        .opcode = fixed ? IORING_OP_READ_FIXED : IORING_OP_READ,
        .fd = file,
        .addr = (uintptr_t)buffer,
        .len = (uint32_t)size,
    };
    word(ring.submissions, params->sq_off.array)[place] = place;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    CHECK(syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
    CHECK(__atomic_load_n(word(ring.completions, params->cq_off.tail), __ATOMIC_ACQUIRE) != *head);
    place = *head & *word(ring.completions, params->cq_off.ring_mask);
    struct io_uring_cqe *results = (void *)(ring.completions + params->cq_off.cqes);
    int result = results[place].res;
    __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    return result;
}

static void register_buffer(char *buffer)
{
    struct iovec vector = {buffer, size};
    if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &vector, 1) != 0)
        check_skip("buffers cannot be registered here"); // they count as locked memory
}

static void use_ring(bool fixed)
{
    int file = make_direct_file();
    open_ring();
    for (int i = 0; i < ROUNDS; i++) {
        char *buffer = clean_buffer();
        if (fixed)
            register_buffer(buffer);
        int got = read_by_ring(file, buffer, fixed);
        CHECK(got == (int)size && all_bytes(buffer, 'x', size));
        // Every other time it is freed while the ring still holds its pages.
        bool first = i % 2 == 0;
        if (first)
            free(buffer);
        if (fixed)
            CHECK(syscall(SYS_io_uring_register, ring.fd, IORING_UNREGISTER_BUFFERS, NULL, 0) == 0);
        if (!first)
            free(buffer);
    }
    free(clean_buffer());
}

// ---- Pipes -----------------------------------------------------------------------------------

// A pipe that got the pages themselves. They may be freed once they are read, not before: the pool
// keeps such pages where glibc unmaps them.
static void splice_pages(void)
{
    int ends[2];
    char text[PIECE];
    CHECK(pipe(ends) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        char *buffer = clean_buffer();
        memset(buffer, 'p', size);
        struct iovec vector = {buffer + PIECE, PIECE};
        if (vmsplice(ends[1], &vector, 1, 0) != PIECE)
            check_skip("no vmsplice here");
        CHECK(read(ends[0], text, PIECE) == PIECE && all_bytes(text, 'p', PIECE));
        free(buffer);
    }
    free(clean_buffer());
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    require_library();
    const char *wanted = arguments[1];
    if (strcmp(wanted, "direct") == 0)
        read_directly();
    else if (strcmp(wanted, "ring") == 0)
        use_ring(false);
    else if (strcmp(wanted, "fixed-ring") == 0)
        use_ring(true);
    else if (strcmp(wanted, "pipe") == 0)
        splice_pages();
    else
        return 2;
    return 0;
}
