// SPDX-License-Identifier: MIT OR Apache-2.0
//
// read, pread and fread do what they do without the library: bytes, counts, errno, cancellation.
// And what a file fills comes in huge pages, so that a first load takes a fault for 2 MiB, not 512.
//
// usage: reads answers | reads without | reads huge WHICH
//   without the pool (ZEROPOOL_ENABLE=0)
//   WHICH  read, pread, fread, fread_unlocked, checked, pieces

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (16 * MIB)

ssize_t __read_chk(int fd, void *to, size_t size, size_t room);
size_t __fread_chk(void *to, size_t room, size_t unit, size_t count, FILE *file);

static char *content;
static int fd;

// A file of random bytes in memory.
static void make_file(void)
{
    content = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(content != MAP_FAILED);
    for (size_t i = 0; i < SIZE / sizeof(int); i++)
        ((int *)(void *)content)[i] = rand();
    fd = memfd_create("reads", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, content, SIZE) == SIZE);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
}

static FILE *stream(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    return file;
}

// ---- What they answer ------------------------------------------------------------------------

static void bytes_and_positions(void)
{
    char *buffer = opaque(malloc(SIZE + MIB));
    errno = 4711;
    CHECK(read(fd, buffer, SIZE + MIB) == SIZE && memcmp(buffer, content, SIZE) == 0);
    CHECK(read(fd, buffer, SIZE) == 0 && lseek(fd, 0, SEEK_CUR) == SIZE);
    CHECK(pread(fd, buffer, SIZE, MIB) == SIZE - MIB);
    CHECK(memcmp(buffer, content + MIB, SIZE - MIB) == 0 && lseek(fd, 0, SEEK_CUR) == SIZE);
    CHECK(pread64(fd, buffer, SIZE, SIZE - 5) == 5 && __read_chk(fd, buffer, SIZE, SIZE) == 0);
    FILE *file = stream();
    CHECK(fgetc(file) == (unsigned char)content[0]); // the rest is behind what is buffered
    CHECK(fread(buffer, 1, SIZE, file) == SIZE - 1);
    CHECK(memcmp(buffer, content + 1, SIZE - 1) == 0 && feof(file));
    rewind(file);
    CHECK(fread_unlocked(buffer, 1000, SIZE / 1000 + 1, file) == SIZE / 1000);
    rewind(file);
    CHECK(__fread_chk(buffer, SIZE, 1, SIZE, file) == SIZE);
    CHECK(memcmp(buffer, content, SIZE) == 0);
    CHECK(fread(buffer, SIZE_MAX / 2, 0, file) == 0 && errno == 4711);
    fclose(file);
    free(buffer);
}

static void errors(void)
{
    char *buffer = opaque(malloc(SIZE));
    errno = 0;
    CHECK(read(-1, buffer, SIZE) == -1 && errno == EBADF);
    CHECK(pread(fd, buffer, SIZE, -5) == -1 && errno == EINVAL);
    int ends[2];
    CHECK(pipe(ends) == 0 && pread(ends[0], buffer, SIZE, 0) == -1 && errno == ESPIPE);
    CHECK(write(ends[1], "abc", 3) == 3 && read(ends[0], buffer, SIZE) == 3);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK(read(fd, opaque((void *)(uintptr_t)16), SIZE) == -1 && errno == EFAULT);
    FILE *memory = fmemopen(content, SIZE, "r"); // has no descriptor
    CHECK(memory != NULL);
    errno = 4711;
    CHECK(fread(buffer, 1, SIZE, memory) == SIZE && errno == 4711);
    fclose(memory);
    free(buffer);
}

// Addresses of the arena that are no buffer, and those behind a buffer's end. Without the pool
// there could be a library at either.
static void errors_in_the_arena(void)
{
    char *buffer = opaque(malloc(3 * MIB));
    CHECK(read(fd, opaque(buffer + 64 * MIB), SIZE) == -1 && errno == EFAULT);
    CHECK(pread(fd, buffer, SIZE, 0) >= (ssize_t)(3 * MIB)); // up to what cannot be written
    free(buffer);
}

static int silent[2];
static pthread_barrier_t begun;

static void *read_for_ever(void *buffer)
{
    pthread_barrier_wait(&begun);
    CHECK(read(silent[0], buffer, SIZE) == -1);
    return NULL;
}

static void cancellation(void)
{
    char *buffer = opaque(malloc(SIZE));
    pthread_t thread;
    void *result;
    CHECK(pipe(silent) == 0 && pthread_barrier_init(&begun, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, read_for_ever, buffer) == 0);
    pthread_barrier_wait(&begun);
    CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED);
    free(buffer);
}

// ---- Huge pages ------------------------------------------------------------------------------

// Whether the mapping of an address asks for huge pages. Whether the kernel has any is its affair.
static bool asks_for_huge_pages(const void *address)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    CHECK(maps != NULL);
    char line[512];
    bool inside = false, asks = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (uintptr_t)address && (uintptr_t)address < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            asks = strstr(line, " hg") != NULL;
    }
    fclose(maps);
    return asks;
}

static bool system_has_huge_pages(void)
{
    char line[100] = "[never]";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (file == NULL)
        return false;
    bool known = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    return known && strstr(line, "[never]") == NULL;
}

static void read_in_pieces(char *to)
{
    for (size_t at = 0; at < SIZE; at += MIB / 2)
        CHECK(read(fd, to + at, MIB / 2) == (ssize_t)(MIB / 2));
}

static void read_as(const char *which, char *to)
{
    if (strcmp(which, "read") == 0)
        CHECK(read(fd, to, SIZE) == SIZE);
    else if (strcmp(which, "pread") == 0)
        CHECK(pread(fd, to, SIZE, 0) == SIZE);
    else if (strcmp(which, "checked") == 0)
        CHECK(__read_chk(fd, to, SIZE, SIZE) == SIZE);
    else if (strcmp(which, "fread") == 0)
        CHECK(fread(to, 1, SIZE, stream()) == SIZE);
    else if (strcmp(which, "fread_unlocked") == 0)
        CHECK(fread_unlocked(to, SIZE, 1, stream()) == 1);
    else
        read_in_pieces(to);
}

static void huge(const char *which)
{
    if (!system_has_huge_pages())
        check_skip("huge pages are switched off");
    char *buffer = opaque(malloc(SIZE));
    CHECK(!asks_for_huge_pages(buffer));
    read_as(which, buffer);
    CHECK(memcmp(buffer, content, SIZE) == 0);
    CHECK(asks_for_huge_pages(buffer + SIZE / 2));
    free(buffer);
}

int main(int argc, char **argv)
{
    require_library();
    CHECK(argc >= 2);
    make_file();
    if (strcmp(argv[1], "huge") == 0) {
        CHECK(argc == 3);
        huge(argv[2]);
        return 0;
    }
    bytes_and_positions();
    errors();
    if (strcmp(argv[1], "answers") == 0)
        errors_in_the_arena();
    cancellation();
    return 0;
}
