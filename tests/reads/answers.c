// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every function that reads answers as the kernel does: bytes, count, file offset, errno, and what
// is behind the bytes that were read. Each request is made twice, by libc's function into a buffer
// of malloc's and by a raw system call into memory of no allocator, and the two are compared.
//
// usage: answers WHERE    memory, shared-memory, here: where the file is (reads.h)

#include "reads.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SIZE (8 * MIB)
#define FILE_SIZE (SIZE + 12345)
#define MOST (SIZE + 8 * MIB)

enum { ID = 7, MOST_PIECES = 1025 };

static int file;

// What is asked for: pieces of one buffer, one behind the other.
struct request {
    enum way way;
    int fd;
    off_t from;   // where the descriptor is before
    off_t offset; // of those that take one
    size_t size;
    size_t gap_at, gap; // pages of the buffer that cannot be written
    int protection;     // theirs
    bool any_behind;    // what is behind the bytes that were read may have been overwritten
};

// Memory that no allocator gave, always the same, which begins in its page where `buffer` does.
static char *memory_like(const char *buffer, size_t size)
{
    static char *memory;
    if (memory == NULL)
        memory = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED && size + 4096 <= MOST);
    return memset(memory + (uintptr_t)buffer % 4096, UNREAD, size);
}

// A vector has a short piece in the middle and an empty one at the end.
static int cut(char *buffer, const struct request *request, struct iovec *pieces)
{
    size_t first = request->size / 3, second = request->size > 100 ? 100 : 0;
    pieces[0] = (struct iovec){buffer, request->size};
    if (!is_vector(request->way))
        return 1;
    pieces[0].iov_len = first;
    pieces[1] = (struct iovec){buffer + first, second};
    pieces[2] = (struct iovec){buffer + first + second, request->size - first - second};
    pieces[3] = (struct iovec){buffer, 0};
    return 4;
}

static struct answer try(const struct request *request, char *buffer, bool of_kernel,
                         off_t *position)
{
    struct iovec pieces[4];
    int count = cut(buffer, request, pieces);
    if (request->gap != 0)
        CHECK(mprotect(page_up(buffer) + request->gap_at, request->gap, request->protection) == 0);
    if (request->from >= 0)
        CHECK(lseek(request->fd, request->from, SEEK_SET) == request->from);
    errno = 4711;
    struct answer answer =
        (of_kernel ? ask_kernel : ask)(request->way, request->fd, pieces, count, request->offset);
    CHECK(answer.result < 0 || errno == 4711);
    *position = lseek(request->fd, 0, SEEK_CUR);
    if (request->gap != 0)
        CHECK(mprotect(page_up(buffer) + request->gap_at, request->gap, PROT_READ | PROT_WRITE) ==
              0);
    return answer;
}

static void complain(const struct request *request, struct answer ours, struct answer kernels,
                     off_t our_position, off_t position)
{
    dprintf(STDERR_FILENO, "%s of %zu at %lld: %zd (errno %d, then at %lld), not %zd (%d, %lld)\n",
            name_of(request->way), request->size,
            (long long)(request->way < WAYS_WITHOUT_OFFSET ? request->from : request->offset),
            ours.result, ours.error, (long long)our_position, kernels.result, kernels.error,
            (long long)position);
}

static struct answer compare(const struct request *request)
{
    off_t our_position, position;
    size_t room = request->size + 64 * KIB; // some of what may not be written
    char *buffer = new_buffer(room), *memory = memory_like(buffer, room);
    struct answer ours = try(request, buffer, false, &our_position);
    struct answer kernels = try(request, memory, true, &position);
    if (ours.result != kernels.result || ours.error != kernels.error || our_position != position) {
        complain(request, ours, kernels, our_position, position);
        CHECK(!"the kernel answers otherwise");
    }
    size_t same = request->any_behind && ours.result >= 0 ? (size_t)ours.result : room;
    if (!request->any_behind || ours.result >= 0)
        CHECK(memcmp(buffer, memory, same) == 0);
    free(buffer);
    return ours;
}

// ---- What is there ---------------------------------------------------------------------------

// From the start, from the middle, up to the end, from odd places, in odd sizes; nothing at the end
// and behind it.
static void places(enum way way)
{
    static const off_t offsets[] = {0,
                                    4095,
                                    MIB + 77,
                                    FILE_SIZE - 2 * MIB,
                                    FILE_SIZE - 2 * MIB + 1,
                                    FILE_SIZE - 1,
                                    FILE_SIZE,
                                    FILE_SIZE + GIB};
    static const size_t sizes[] = {
        0, 1, 2 * MIB - 1, 2 * MIB, 3 * MIB + 4097, FILE_SIZE, FILE_SIZE + 2 * MIB};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            struct request request = {way, file, 123, offsets[i], sizes[j], 0, 0, 0, false};
            if (way < WAYS_WITHOUT_OFFSET)
                request.from = offsets[i];
            compare(&request);
        }
    }
}

// One after the other until there is nothing more.
static void to_the_end(enum way way)
{
    char *buffer = new_buffer(5 * MIB);
    struct iovec piece = {buffer, 5 * MIB};
    size_t done = 0;
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    for (struct answer answer; (answer = ask(way, file, &piece, 1, (off_t)done)).result != 0;) {
        CHECK(answer.result > 0 && holds(buffer, ID, done, (size_t)answer.result));
        done += (size_t)answer.result;
        CHECK(lseek(file, 0, SEEK_CUR) == (way < WAYS_WITHOUT_OFFSET ? (off_t)done : 0));
    }
    CHECK(done == FILE_SIZE);
    free(buffer);
}

// Reads into the inside of a buffer, as Python's bytes do, leave what is before and behind.
static void inside(enum way way)
{
    char *buffer = new_buffer(SIZE + 2 * MIB);
    struct iovec piece = {buffer + 33, SIZE};
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    CHECK(ask(way, file, &piece, 1, 0).result == (ssize_t)SIZE);
    CHECK(all_bytes(buffer, UNREAD, 33) && holds(buffer + 33, ID, 0, SIZE));
    CHECK(all_bytes(buffer + 33 + SIZE, UNREAD, 2 * MIB - 33));
    free(buffer);
}

// ---- Errors ----------------------------------------------------------------------------------

static void errors(enum way way)
{
    int closed = fcntl(file, F_DUPFD_CLOEXEC, 200), ends[2];
    CHECK(closed >= 0 && close(closed) == 0);
    int writing = open(path_of(file), O_WRONLY | O_CLOEXEC);
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int path = open(path_of(file), O_PATH | O_CLOEXEC);
    CHECK(writing >= 0 && folder >= 0 && path >= 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    const struct request requests[] = {
        {way, closed, -1, 0, SIZE, 0, 0, 0, false},
        {way, -1, -1, 0, SIZE, 0, 0, 0, false},
        {way, INT_MAX, -1, 0, SIZE, 0, 0, 0, false},
        {way, writing, 0, 0, SIZE, 0, 0, 0, false},
        {way, folder, -1, 0, SIZE, 0, 0, 0, false},
        {way, path, -1, 0, SIZE, 0, 0, 0, false},
        {way, ends[0], -1, 0, SIZE, 0, 0, 0, false},
        {way, ends[1], -1, 0, SIZE, 0, 0, 0, false},
        {way, file, 50, -1, SIZE, 0, 0, 0, false},
        {way, file, 50, -5, SIZE, 0, 0, 0, false},
        {way, file, 50, LLONG_MIN, SIZE, 0, 0, 0, false},
        {way, file, 50, LLONG_MAX, SIZE, 0, 0, 0, false},
        {way, file, 50, LLONG_MAX - (off_t)SIZE + 1, SIZE, 0, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        compare(&requests[i]);
    close(writing);
    close(folder);
    close(path);
    close(ends[0]);
    close(ends[1]);
}

// ---- Buffers that cannot be written ----------------------------------------------------------

// A page, or all from there on, in the first, a middle and the last part; not at all, or only read.
static void gaps(enum way way)
{
    static const size_t starts[] = {0, 4 * KIB, 3 * MIB, SIZE / 2 + 8 * KIB, SIZE - 12 * KIB};
    static const int protections[] = {PROT_NONE, PROT_READ};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (size_t j = 0; j < 4; j++) {
            struct request request = {
                .way = way,
                .fd = file,
                .from = 4096 * (off_t)i,
                .offset = 4096 * (off_t)i,
                .size = SIZE - 4096 * i,
                .gap_at = starts[i],
                .gap = j < 2 ? 4 * KIB : SIZE - starts[i],
                .protection = protections[j % 2],
                .any_behind = true,
            };
            compare(&request);
        }
    }
}

// Behind the buffer nothing is mapped, or the buffer is no memory at all.
static void outside(enum way way)
{
    char *buffer = new_buffer(3 * MIB);
    // The last one is of the arena, and no buffer.
    void *const places[] = {NULL, (void *)(uintptr_t)16, (void *)-4096, buffer + 64 * MIB};
    for (size_t i = 0; i < (library_is_loaded() ? 4 : 3); i++) {
        struct iovec piece = {opaque(places[i]), 4 * MIB};
        CHECK(lseek(file, 10, SEEK_SET) == 10);
        struct answer answer = ask(way, file, &piece, 1, 10);
        CHECK(answer.result == -1 && answer.error == EFAULT && lseek(file, 0, SEEK_CUR) == 10);
    }
    if (library_is_loaded()) { // glibc's buffers may lie side by side
        struct iovec piece = {buffer, SIZE};
        CHECK(lseek(file, 0, SEEK_SET) == 0);
        struct answer answer = ask(way, file, &piece, 1, 0);
        CHECK(answer.result >= (ssize_t)(3 * MIB) && holds(buffer, ID, 0, (size_t)answer.result));
        CHECK(lseek(file, 0, SEEK_CUR) == (way < WAYS_WITHOUT_OFFSET ? answer.result : 0));
    }
    free(buffer);
}

// ---- Vectors ---------------------------------------------------------------------------------

static struct iovec many[MOST_PIECES];

// Both take the same vector: what they answer, and where it leaves the descriptor.
static void compare_vectors(enum way way, const struct iovec *pieces, int count)
{
    CHECK(lseek(file, 77, SEEK_SET) == 77);
    struct answer ours = ask(way, file, pieces, count, 77);
    off_t position = lseek(file, 0, SEEK_CUR);
    CHECK(lseek(file, 77, SEEK_SET) == 77);
    struct answer kernels = ask_kernel(way, file, pieces, count, 77);
    CHECK(ours.result == kernels.result && ours.error == kernels.error);
    CHECK(position == lseek(file, 0, SEEK_CUR));
}

static void vectors(enum way way)
{
    char *buffer = new_buffer(SIZE), *other = new_buffer(3 * MIB);
    char on_stack[500];
    for (size_t i = 0; i < MOST_PIECES; i++)
        many[i] = (struct iovec){buffer + i * 7 * KIB, 7 * KIB};
    for (int count = -1; count <= 3; count++)
        compare_vectors(way, many, count);
    compare_vectors(way, many, 1024);
    CHECK(holds(buffer, ID, 77, 1024 * 7 * KIB));
    compare_vectors(way, many, MOST_PIECES);
    compare_vectors(way, many, INT_MIN);
    compare_vectors(way, opaque(NULL), 2);
    compare_vectors(way, opaque((void *)(uintptr_t)16), 2);
    if (library_is_loaded())
        compare_vectors(way, (void *)(buffer + 64 * MIB), 2); // of the arena, no buffer

    // The lengths together are more than a ssize_t holds; one piece is no memory.
    many[0].iov_len = 2 * MIB;
    many[1].iov_len = SSIZE_MAX;
    compare_vectors(way, many, 2);
    many[1] = (struct iovec){NULL, 3 * MIB};
    compare_vectors(way, many, 2);
    many[1] = (struct iovec){(void *)-4096, 3 * MIB};
    compare_vectors(way, many, 2);

    // The program's own and malloc's memory by turns.
    struct iovec mixed[] = {
        {on_stack, 500}, {buffer, 4 * MIB}, {NULL, 0}, {other, 3 * MIB}, {buffer + 4 * MIB, 3}};
    CHECK(lseek(file, 9, SEEK_SET) == 9);
    CHECK(ask(way, file, mixed, 5, 9).result == (ssize_t)(7 * MIB + 503));
    CHECK(holds(on_stack, ID, 9, 500) && holds(buffer, ID, 509, 4 * MIB));
    CHECK(holds(other, ID, 509 + 4 * MIB, 3 * MIB));
    CHECK(holds(buffer + 4 * MIB, ID, 509 + 7 * MIB, 3));
    free(buffer);
    free(other);
}

// Half of the vector itself lies where nothing is mapped: an error, no crash.
static void vector_at_an_end(enum way way)
{
    char *pages = mmap(NULL, 8 * KIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED && mprotect(pages + 4 * KIB, 4 * KIB, PROT_NONE) == 0);
    char *buffer = new_buffer(SIZE);
    struct iovec *pieces = (void *)(pages + 4 * KIB - sizeof(struct iovec));
    *pieces = (struct iovec){buffer, SIZE};
    compare_vectors(way, pieces, 1);
    CHECK(holds(buffer, ID, 77, SIZE));
    compare_vectors(way, pieces, 2);
    munmap(pages, 8 * KIB);
    free(buffer);
}

// preadv2's flags, and its offset of -1: the descriptor's own position.
static void flags(void)
{
    char *buffer = new_buffer(SIZE);
    struct iovec piece = {buffer, SIZE};
    CHECK(lseek(file, 100, SEEK_SET) == 100);
    CHECK(preadv2(file, &piece, 1, -1, 0) == (ssize_t)SIZE);
    CHECK(holds(buffer, ID, 100, SIZE) && lseek(file, 0, SEEK_CUR) == (off_t)SIZE + 100);
    CHECK(preadv2(file, &piece, 1, -2, 0) == -1 && errno == EINVAL);
    CHECK(preadv2(file, &piece, 1, 0, 1 << 30) == -1 && errno == EOPNOTSUPP);
    ssize_t got = preadv2(file, &piece, 1, 50, RWF_NOWAIT); // what is in memory, or nothing
    CHECK(got == -1 || holds(buffer, ID, 50, (size_t)got));
    free(buffer);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    file = make_file(arguments[1], ID, FILE_SIZE);
    unsigned open_before = descriptors();
    for (enum way way = 0; way < WAYS; way++) {
        size_t before = shared_reads();
        places(way);
        to_the_end(way);
        inside(way);
        gaps(way);
        expect_shared(before, 20); // of some 30 that are large enough
        errors(way);
        outside(way);
        if (is_vector(way)) {
            before = shared_reads();
            vectors(way);
            vector_at_an_end(way);
            expect_shared(before, 2);
        }
    }
    flags();
    CHECK(descriptors() == open_before);
    return 0;
}
