// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a program did to the memory of a buffer before it freed it: mapped something over a part,
// took a part away, gave advice, had it written from outside. Under glibc all that ends with the
// buffer. Here it breaks when free crashes, writes zeros into a file that was mapped there, or
// hands the next owner memory that is not zero, not writable, or not inherited by children.
// (tests/preload/marks.c has mprotect, mlock and the advice about fork.)
//
// usage: handed_over CASE

#include "tests/preload/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { BUFFERS = 4, PART = 64 * 1024 };

static const size_t sizes[] = {MIB, 8 * MIB};
static int file;

static void map_over(char *buffer, size_t size)
{
    void *at =
        mmap(buffer + size / 2, PART, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at == buffer + size / 2);
}

static void map_file_over(char *buffer, size_t size)
{
    int flags = MAP_FIXED | MAP_SHARED;
    CHECK(mmap(buffer + size / 2, PART, PROT_READ | PROT_WRITE, flags, file, 0) != MAP_FAILED);
    memset(buffer + size / 2, 'x', PART);
}

static void unmap(char *buffer, size_t size)
{
    CHECK(munmap(buffer + size / 2, PART) == 0);
}

static void move_away(char *buffer, size_t size)
{
    char *moved = mremap(buffer + size / 2, PART, 2 * PART, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && all_bytes(moved, 1, PART));
    CHECK(munmap(moved, 2 * PART) == 0);
}

static void move_into(char *buffer, size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS, fixed = MREMAP_MAYMOVE | MREMAP_FIXED;
    char *own = mmap(NULL, PART, PROT_READ, flags, -1, 0);
    CHECK(mremap(own, PART, PART, fixed, buffer + size / 2) == buffer + size / 2);
}

// Unknown to older kernels, refused for locked memory, or not built in.
static void advise(char *buffer, size_t size, int advice)
{
    if (madvise(buffer, size, advice) != 0 && errno == EINVAL)
        check_skip("the kernel does not know this advice");
}

static void guard(char *buffer, size_t size)
{
    advise(buffer + size / 2, PART, MADV_GUARD_INSTALL);
}

static void merge(char *buffer, size_t size)
{
    advise(buffer, size, MADV_MERGEABLE);
}

static void leave_out_of_dumps(char *buffer, size_t size)
{
    advise(buffer, size, MADV_DONTDUMP);
}

static void take_small_pages(char *buffer, size_t size)
{
    advise(buffer, size, MADV_NOHUGEPAGE);
}

static void page_out(char *buffer, size_t size)
{
    advise(buffer, size, MADV_PAGEOUT);
}

static void make_cold(char *buffer, size_t size)
{
    advise(buffer, size, MADV_COLD);
}

static void drop(char *buffer, size_t size)
{
    advise(buffer + size / 4, size / 2, MADV_DONTNEED);
}

static void make_reclaimable(char *buffer, size_t size)
{
    advise(buffer, size, MADV_FREE);
}

static void populate(char *buffer, size_t size)
{
    advise(buffer, size, MADV_DONTNEED);
    advise(buffer, size, MADV_POPULATE_WRITE);
}

// Locked by a call that the library does not see: not kept from the next owner, but no harm.
static void lock_unseen(char *buffer, size_t size)
{
    (void)size;
    (void)syscall(SYS_mlock, buffer, PART); // refused where the limit is low
}

static void write_from_outside(char *buffer, size_t size)
{
    char text[1000];
    memset(text, 'y', sizeof(text));
    struct iovec from = {text, sizeof(text)}, to = {buffer + size / 2, sizeof(text)};
    if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) != sizeof(text))
        check_skip("no process_vm_writev here");
    CHECK(all_bytes(buffer + size / 2, 'y', sizeof(text)));
}

static void check_file(void)
{
    char text[PART];
    CHECK(pread(file, text, PART, 0) == PART && all_bytes(text, 'x', PART));
}

// `used` buffers have been freed and asked for before: they are known to be in memory, and are
// scrubbed without a question to the kernel.
static void hand_over(void (*change)(char *buffer, size_t size), size_t size, int used)
{
    char *buffers[BUFFERS];
    for (int round = 0; round <= used; round++) {
        for (int i = 0; i < BUFFERS; i++)
            memset(buffers[i] = valloc(size), 1, size);
        for (int i = 0; i < BUFFERS; i++) {
            if (round == used)
                change(buffers[i], size);
            free(buffers[i]);
        }
    }
    for (int i = 0; i < BUFFERS; i++)
        check_as_new(buffers[i] = valloc(size), size);
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
    if (change == map_file_over)
        check_file();
}

int main(int count, char **arguments)
{
    const struct {
        const char *name;
        void (*change)(char *buffer, size_t size);
    } cases[] = {{"map-over", map_over},
                 {"map-file-over", map_file_over},
                 {"unmap", unmap},
                 {"move-away", move_away},
                 {"move-into", move_into},
                 {"guard", guard},
                 {"merge", merge},
                 {"leave-out-of-dumps", leave_out_of_dumps},
                 {"small-pages", take_small_pages},
                 {"page-out", page_out},
                 {"cold", make_cold},
                 {"drop", drop},
                 {"reclaimable", make_reclaimable},
                 {"populate", populate},
                 {"lock-unseen", lock_unseen},
                 {"write-from-outside", write_from_outside}};
    require_library();
    CHECK(count == 2);
    file = memfd_create("handed over", MFD_CLOEXEC);
    CHECK(file >= 0 && ftruncate(file, PART) == 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, arguments[1]) != 0)
            continue;
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
            for (int used = 0; used <= 3; used += 3)
                hand_over(cases[i].change, sizes[j], used);
        return 0;
    }
    return 2;
}
