// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Files of all kinds answer as they do to the kernel's read: direct reads, /proc and /sys, holes,
// more than 2 GiB, pipes, sockets and devices.
//
// usage: files direct | system | holes | far | longest | passed-on

#include "reads.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { ID = 3 };

// The most that Linux reads at once.
#define MOST_AT_ONCE ((size_t)0x7ffff000)

// ---- Direct reads ----------------------------------------------------------------------------

static int open_direct(size_t size)
{
    char name[] = "direct-XXXXXX"; // here: /tmp may be in memory, without direct reads
    int made = mkstemp(name);
    CHECK(made >= 0);
    write_content(made, ID, 0, size);
    CHECK(fsync(made) == 0);
    close(made);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_DIRECT);
    int error = errno;
    unlink(name);
    if (fd < 0 && error == EINVAL)
        check_skip("no direct reads from this file system");
    CHECK(fd >= 0);
    return fd;
}

static char *pages;

// The same of both, whether the kernel takes it or refuses it.
static void compare_direct(int fd, char *buffer, size_t shift, size_t size, off_t offset)
{
    struct iovec ours = {buffer + shift, size}, kernels = {pages + shift, size};
    struct answer answer = ask(PREAD, fd, &ours, 1, offset);
    struct answer expected = ask_kernel(PREAD, fd, &kernels, 1, offset);
    CHECK(answer.result == expected.result && answer.error == expected.error);
    if (answer.result > 0)
        CHECK(holds(buffer + shift, ID, (uint64_t)offset, (size_t)answer.result));
    off_t position;
    CHECK(lseek(fd, offset, SEEK_SET) == offset);
    answer = ask(READ, fd, &ours, 1, 0);
    position = lseek(fd, 0, SEEK_CUR);
    CHECK(lseek(fd, offset, SEEK_SET) == offset);
    expected = ask_kernel(READ, fd, &kernels, 1, 0);
    CHECK(answer.result == expected.result && answer.error == expected.error);
    CHECK(position == lseek(fd, 0, SEEK_CUR));
}

static void direct(void)
{
    static const size_t shifts[] = {0, 512, 4, 1};
    static const size_t cuts[] = {0, 512, 4096, 1};
    static const off_t offsets[] = {0, 4096, 3 * MIB + 512, 1000};
    const size_t size = 12 * MIB;
    int fd = open_direct(size + 5 * 512 + 100); // the last block is not whole
    pages = mmap(NULL, size + MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    if (pread(fd, pages, 32 * KIB, 0) < 0 && errno == EINVAL)
        check_skip("direct reads are refused here");
    char *buffer = new_aligned_buffer(size + MIB);
    size_t before = shared_reads();
    for (size_t i = 0; i < 64; i++)
        compare_direct(fd, buffer, shifts[i % 4], size - cuts[i / 4 % 4], offsets[i / 16]);
    compare_direct(fd, buffer, 0, size + MIB, 0); // with the end
    compare_direct(fd, buffer, 0, size, 8 * MIB);
    expect_shared(before, 2);
    free(buffer);
}

// ---- What the kernel makes up ----------------------------------------------------------------

// By two descriptors, side by side to the end.
static void compare_file(const char *path, char *buffer, char *memory, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), other = open(path, O_RDONLY | O_CLOEXEC);
    struct answer answer = {1, 0};
    while (fd >= 0 && answer.result > 0) {
        struct iovec ours = {buffer, room}, kernels = {memory, room};
        answer = ask(READ, fd, &ours, 1, 0);
        struct answer expected = ask_kernel(READ, other, &kernels, 1, 0);
        CHECK(answer.result == expected.result && answer.error == expected.error);
        CHECK(lseek(fd, 0, SEEK_CUR) == lseek(other, 0, SEEK_CUR));
        if (answer.result > 0)
            CHECK(memcmp(buffer, memory, (size_t)answer.result) == 0);
    }
    close(fd);
    close(other);
}

static void of_the_system(void)
{
    // Some say they have no bytes, or 4096, and have more or fewer; the last one has some MiB.
    static const char *const paths[] = {
        "/proc/version",           "/proc/kallsyms",
        "/proc/self/environ",      "/proc/self/mem",
        "/proc/self/auxv",         "/proc/sys/kernel/ostype",
        "/proc/self/cmdline",      "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/kernel/notes",       "/proc/config.gz",
        "/sys/kernel/btf/vmlinux",
    };
    const size_t room = 4 * MIB;
    char *buffer = new_buffer(room);
    char *memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        compare_file(paths[i], buffer, memory, room);
    free(buffer);
}

// ---- Holes -----------------------------------------------------------------------------------

static void holes(void)
{
    for (int i = 0; i < 2; i++) {
        int fd = make_file(i == 0 ? "memory" : "here", ID, 0);
        CHECK(ftruncate(fd, 40 * MIB) == 0);
        write_content(fd, ID, 5 * MIB, 5 * MIB + 10);
        write_content(fd, ID, 20 * MIB, 30 * MIB);
        char *buffer = new_buffer(41 * MIB);
        size_t before = shared_reads();
        CHECK(read(fd, buffer, 41 * MIB) == (ssize_t)(40 * MIB));
        CHECK(all_bytes(buffer, 0, 5 * MIB) && holds(buffer + 5 * MIB, ID, 5 * MIB, 10));
        CHECK(all_bytes(buffer + 5 * MIB + 10, 0, 15 * MIB - 10));
        CHECK(holds(buffer + 20 * MIB, ID, 20 * MIB, 10 * MIB));
        CHECK(all_bytes(buffer + 30 * MIB, 0, 10 * MIB));
        CHECK(all_bytes(buffer + 40 * MIB, UNREAD, MIB));
        expect_shared(before, 1);
        free(buffer);
        close(fd);
    }
}

// ---- Large files -----------------------------------------------------------------------------

// Offsets of more than 31 and 32 bits.
static void far(void)
{
    static const uint64_t places[] = {2 * GIB - 3 * MIB, 4 * GIB - 3 * MIB, 9 * GIB + 5};
    int fd = make_file("memory", ID, 0);
    char *buffer = new_buffer(8 * MIB);
    size_t before = shared_reads();
    for (size_t i = 0; i < 3; i++) {
        off_t at = (off_t)places[i];
        write_content(fd, ID, places[i], places[i] + 7 * MIB);
        memset(buffer, UNREAD, 8 * MIB);
        CHECK(pread(fd, buffer, 8 * MIB, at) == (ssize_t)(7 * MIB));
        CHECK(holds(buffer, ID, places[i], 7 * MIB) && buffer[7 * MIB] == (char)UNREAD);
        memset(buffer, UNREAD, 8 * MIB);
        CHECK(lseek(fd, at, SEEK_SET) == at && read(fd, buffer, 6 * MIB) == (ssize_t)(6 * MIB));
        CHECK(holds(buffer, ID, places[i], 6 * MIB));
        CHECK(lseek(fd, 0, SEEK_CUR) == at + 6 * (off_t)MIB);
        CHECK(ftruncate(fd, 0) == 0);
    }
    expect_shared(before, 6);
    free(buffer);
}

// More than the kernel reads at once: it reads as much as it does, and the rest is left.
static void longest(void)
{
    if (proc_kib("/proc/meminfo", "MemAvailable:") * KIB < 4 * GIB)
        check_skip("less than 4 GiB of memory are available");
    const size_t size = MOST_AT_ONCE + 4 * MIB;
    int fd = make_file("memory", ID, 0);
    CHECK(ftruncate(fd, (off_t)(2 * size)) == 0);
    write_content(fd, ID, MOST_AT_ONCE - 10, MOST_AT_ONCE + 10);
    char *buffer = opaque(malloc(size));
    CHECK(buffer != NULL);
    memset(buffer + MOST_AT_ONCE - 4096, UNREAD, 8192);
    size_t before = shared_reads();
    CHECK(read(fd, buffer, size) == (ssize_t)MOST_AT_ONCE);
    CHECK(lseek(fd, 0, SEEK_CUR) == (off_t)MOST_AT_ONCE);
    CHECK(all_bytes(buffer, 0, MOST_AT_ONCE - 10));
    CHECK(holds(buffer + MOST_AT_ONCE - 10, ID, MOST_AT_ONCE - 10, 10));
    CHECK(all_bytes(buffer + MOST_AT_ONCE, UNREAD, 4096));
    expect_shared(before, 1);
    free(buffer);
}

// ---- What is no file -------------------------------------------------------------------------

// One message at a time, although more is asked for and more is there.
static void messages(void)
{
    int ends[2];
    char *buffer = new_buffer(4 * MIB);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(send(ends[0], "one", 3, 0) == 3 && send(ends[0], "three", 5, 0) == 5);
    CHECK(read(ends[1], buffer, 4 * MIB) == 3 && memcmp(buffer, "one", 3) == 0);
    struct iovec piece = {buffer, 4 * MIB};
    CHECK(readv(ends[1], &piece, 1) == 5 && memcmp(buffer, "three", 5) == 0);
    CHECK(pread(ends[1], buffer, 4 * MIB, 0) == -1 && errno == ESPIPE);
    CHECK(all_bytes(buffer + 5, UNREAD, 4 * MIB - 5));
    free(buffer);
    close(ends[0]);
    close(ends[1]);
}

static void *write_slowly(void *argument)
{
    const int *end = argument;
    char piece[64 * KIB];
    for (size_t at = 0; at < 8 * MIB; at += sizeof(piece)) {
        content_make(piece, ID, at, sizeof(piece));
        CHECK(write(*end, piece, sizeof(piece)) == (ssize_t)sizeof(piece));
    }
    close(*end);
    return NULL;
}

// What comes through a pipe or a stream comes in order, whoever reads.
static void streams(int *ends)
{
    pthread_t writer;
    char *buffer = new_buffer(4 * MIB);
    uint64_t at = 0;
    CHECK(pthread_create(&writer, NULL, write_slowly, &ends[1]) == 0);
    for (ssize_t got; (got = read(ends[0], buffer, 4 * MIB)) != 0; at += (uint64_t)got)
        CHECK(got > 0 && holds(buffer, ID, at, (size_t)got));
    CHECK(at == 8 * MIB && pthread_join(writer, NULL) == 0);
    close(ends[0]);
    free(buffer);
}

static void devices(void)
{
    char *buffer = new_buffer(4 * MIB);
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), null = open("/dev/null", O_RDONLY);
    CHECK(zero >= 0 && read(zero, buffer, 4 * MIB) == (ssize_t)(4 * MIB));
    CHECK(all_bytes(buffer, 0, 4 * MIB));
    CHECK(null >= 0 && read(null, buffer, 4 * MIB) == 0);
    int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    CHECK(random >= 0 && read(random, buffer, 4 * MIB) > 0 && !all_bytes(buffer, 0, 4 * KIB));
    free(buffer);
}

static void passed_on(void)
{
    int ends[2];
    size_t before = shared_reads();
    messages();
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    streams(ends);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    streams(ends);
    devices();
    CHECK(shared_reads() == before);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        {"direct", direct}, {"system", of_the_system}, {"holes", holes},
        {"far", far},       {"longest", longest},      {"passed-on", passed_on},
    };
    CHECK(count == 2);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strcmp(tests[i].name, arguments[1]) == 0) {
            tests[i].test();
            return 0;
        }
    }
    return 2;
}
