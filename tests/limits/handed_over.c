// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a program did to the memory of a buffer before it freed it: mapped something over a part,
// took a part away, gave advice, had it written from outside. Under glibc all that ends with the
// buffer. Here it breaks when free crashes, writes zeros into a file that was mapped there, or
// hands the next owner memory that is not zero, not writable, or not inherited by children.
// (tests/preload/marks.c has mprotect, mlock and the advice about fork.)
//
// usage: handed_over CASE

#include "core/syscall.h"
#include "tests/preload/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_VMA_ANON_NAME
#define PR_SET_VMA_ANON_NAME 0
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
    (void)zp_syscall(SYS_mlock, buffer, PART); // refused where the limit is low
}

// As libraries do that know more of the kernel than their libc does.
static void protect_by_number(char *buffer, size_t size)
{
    CHECK(syscall(SYS_mprotect, buffer + size / 2, PART, PROT_READ) == 0);
}

static void map_file_by_number(char *buffer, size_t size)
{
    int flags = MAP_FIXED | MAP_SHARED;
    void *at = buffer + size / 2;
    CHECK((void *)syscall(SYS_mmap, at, PART, PROT_READ | PROT_WRITE, flags, file, 0) == at);
    memset(at, 'x', PART);
}

static void bind_to_node(char *buffer, size_t size)
{
    unsigned long node = 1; // the first
    if (syscall(SYS_mbind, buffer, size, MPOL_BIND, &node, 8, 0) != 0)
        check_skip("memory cannot be bound to a node here");
}

static void seal(char *buffer, size_t size)
{
    if (syscall(SYS_mseal, buffer + size / 2, PART, 0) != 0)
        check_skip("the kernel cannot seal memory");
}

static void name(char *buffer, size_t size)
{
    if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, buffer, size, "a name") != 0)
        check_skip("the kernel has no names for memory");
}

static void guard_as_a_process(char *buffer, size_t size)
{
    struct iovec range = {buffer + size / 2, PART};
    int own = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (syscall(SYS_process_madvise, own, &range, 1, MADV_GUARD_INSTALL, 0) != PART)
        check_skip("the kernel takes no such advice from outside");
    close(own);
}

static void protect_by_key(char *buffer, size_t size)
{
    int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
    if (key < 0)
        check_skip("the processor has no protection keys");
    CHECK(pkey_mprotect(buffer + size / 2, PART, PROT_READ | PROT_WRITE, key) == 0);
}

// Its faults would be served, or wait for ever, long after the buffer's end.
static void serve_faults(char *buffer, size_t size)
{
    static int served = -1;
    struct uffdio_api api = {.api = UFFD_API};
    if (served < 0)
        served = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (served < 0)
        check_skip("no userfaultfd here");
    (void)ioctl(served, UFFDIO_API, &api); // once
    struct uffdio_register part = {.range = {(uintptr_t)buffer, size},
                                   .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK(ioctl(served, UFFDIO_REGISTER, &part) == 0);
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

// Policy and name of a mapping show nowhere but there.
static void check_mapping(char *buffer)
{
    int policy = 0;
    if (syscall(SYS_get_mempolicy, &policy, NULL, 0, buffer, MPOL_F_ADDR) == 0)
        CHECK(policy == MPOL_DEFAULT);
    static char line[4096];
    FILE *maps = fopen("/proc/self/maps", "re");
    for (uintptr_t from, to; maps != NULL && fgets(line, sizeof(line), maps) != NULL;)
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && (uintptr_t)buffer >= from &&
            (uintptr_t)buffer < to)
            CHECK(strstr(line, "a name") == NULL);
    if (maps != NULL)
        fclose(maps);
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
    for (int i = 0; i < BUFFERS; i++) {
        check_mapping(buffers[i]);
        free(buffers[i]);
    }
    if (change == map_file_over || change == map_file_by_number)
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
                 {"write-from-outside", write_from_outside},
                 {"protect-by-number", protect_by_number},
                 {"map-file-by-number", map_file_by_number},
                 {"bind-to-node", bind_to_node},
                 {"seal", seal},
                 {"name", name},
                 {"guard-as-a-process", guard_as_a_process},
                 {"protect-by-key", protect_by_key},
                 {"serve-faults", serve_faults}};
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
