// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a program unmaps of a live buffer, or moves away, is inaccessible, and not a hole: the next
// mapping of anybody would come to lie there, and be the pool's a moment later. Breaks when there
// is a hole, when the rest of the buffer or what was moved loses bytes, when the calls answer
// otherwise than the kernel does, or when shared memory of others is zeroed or goes on to the next
// owner.
//
// usage: holes CASE

#include "core/syscall.h"
#include "tests/preload/check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

enum { BUFFERS = 3, ROUNDS = 40, ROUNDS_SHARED = 4 };

static const size_t sizes[] = {MIB, 8 * MIB}, part = 256 * KIB;

// Another thread maps and unmaps what it can get: it must never get anything of a buffer.
static char *_Atomic watched;
static _Atomic size_t watched_size;
static _Atomic bool over;

static void *map_elsewhere(void *argument)
{
    enum { AT_ONCE = 8 };
    while (!over) {
        char *mapped[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            // Past the library, so that nothing but the kernel has a say.
            mapped[i] = (char *)zp_syscall(SYS_mmap, NULL, part, PROT_READ,
                                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            const char *from = watched;
            size_t size = watched_size;
            CHECK(from == NULL || mapped[i] + part <= from || mapped[i] >= from + size);
        }
        for (int i = 0; i < AT_ONCE; i++)
            CHECK(zp_syscall(SYS_munmap, mapped[i], part) == 0);
    }
    return argument;
}

// Asked of the kernel: a hole is an error, addresses without access are not.
static void check_no_hole(char *buffer, size_t size)
{
    unsigned char vector[8 * MIB / 4096];
    CHECK(mincore(buffer, size, vector) == 0);
    watched = NULL;
}

static bool is_accessible(const char *byte)
{
    // Reads and writes nothing but asks whether it could.
    return zp_syscall(SYS_rt_sigprocmask, SIG_BLOCK, byte, NULL, 8) == 0;
}

static char *begin(size_t size)
{
    char *buffer = valloc(size);
    CHECK(buffer != NULL);
    memset(buffer, 0, size);
    for (size_t i = 0; i < size; i += 4096)
        buffer[i + 8] = 1; // leaves the first bytes zero: a mask of no signals
    watched_size = size;
    watched = buffer;
    return buffer;
}

static bool holds(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 4096)
        if (bytes[i + 8] != 1)
            return false;
    return true;
}

static void check_gone(char *buffer, size_t size, size_t from, size_t length)
{
    check_no_hole(buffer, size);
    for (size_t i = 0; i < size; i += 4096)
        CHECK(is_accessible(buffer + i) == (i < from || i >= from + length));
    CHECK(holds(buffer, from) && holds(buffer + from + length, size - from - length));
    free(buffer);
}

static void unmap_part(size_t size)
{
    char *buffer = begin(size);
    errno = 0;
    CHECK(munmap(buffer + 1, part) == -1 && errno == EINVAL);
    CHECK(munmap(buffer, 0) == -1 && errno == EINVAL);
    CHECK(munmap(buffer, (size_t)1 << 63) == -1 && errno == EINVAL);
    CHECK(holds(buffer, size));
    CHECK(munmap(buffer + part, part - 100) == 0);
    check_gone(buffer, size, part, part);
}

static void unmap_all(size_t size)
{
    char *buffer = begin(size);
    CHECK(munmap(buffer, size) == 0);
    check_gone(buffer, size, 0, size);
}

static void unmap_by_number(size_t size)
{
    char *buffer = begin(size);
    CHECK(syscall(SYS_munmap, buffer + size - part, part) == 0);
    check_gone(buffer, size, size - part, part);
}

static void move_same(size_t size)
{
    char *buffer = begin(size), *moved;
    char *place = mmap(NULL, part, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    moved = mremap(buffer + part, part, part, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    CHECK(moved == place && holds(moved, part));
    check_gone(buffer, size, part, part);
    CHECK(munmap(moved, part) == 0);
}

static void move_and_grow(size_t size)
{
    char *buffer = begin(size);
    char *moved = mremap(buffer + part, part, 3 * part, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && holds(moved, part) && all_bytes(moved + part, 0, 2 * part));
    check_gone(buffer, size, part, part);
    CHECK(munmap(moved, 3 * part) == 0);
}

static void move_and_shrink(size_t size)
{
    char *buffer = begin(size);
    char *place = mmap(NULL, part, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fixed = MREMAP_MAYMOVE | MREMAP_FIXED;
    CHECK(syscall(SYS_mremap, buffer, 2 * part, part, fixed, place) == (long)place);
    CHECK(holds(place, part));
    check_gone(buffer, size, 0, 2 * part);
    CHECK(munmap(place, part) == 0);
}

static void shrink(size_t size)
{
    char *buffer = begin(size);
    CHECK(mremap(buffer + part, 2 * part, part, 0) == buffer + part);
    check_gone(buffer, size, 2 * part, part);
}

static void move_and_leave(size_t size)
{
    char *buffer = begin(size);
    char *moved = mremap(buffer, part, part, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (moved == MAP_FAILED)
        check_skip("the kernel does not move pages that way");
    CHECK(holds(moved, part) && all_bytes(buffer, 0, part));
    check_no_hole(buffer, size);
    CHECK(holds(buffer + part, size - part));
    CHECK(munmap(moved, part) == 0);
    free(buffer);
}

// What the kernel refuses leaves all as it was.
static void move_refused(size_t size)
{
    char *buffer = begin(size);
    errno = 0;
    CHECK(mremap(buffer, part, 2 * part, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK(mremap(buffer + 1, part, 2 * part, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(buffer, part, 0, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    size_t too_much = (size_t)1 << 62; // more than there are addresses; EINVAL in newer kernels
    CHECK(mremap(buffer, part, too_much, MREMAP_MAYMOVE) == MAP_FAILED);
    CHECK(errno == ENOMEM || errno == EINVAL);
    check_no_hole(buffer, size);
    CHECK(holds(buffer, size));
    free(buffer);
}

static char *attach(char *buffer, size_t size, size_t at, bool by_number, char **view)
{
    int id = shmget(IPC_PRIVATE, size, 0600);
    if (id < 0)
        check_skip("no System V shared memory here");
    *view = shmat(id, NULL, 0);
    char *attached = by_number ? (char *)syscall(SYS_shmat, id, buffer + at, SHM_REMAP)
                               : shmat(id, buffer + at, SHM_REMAP);
    CHECK(attached == buffer + at && *view != (void *)-1);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    memset(attached, 5, size);
    return attached;
}

// Others' memory keeps its content, and the next owners do not share it.
static void check_others_memory(char *view, size_t shared, size_t size)
{
    CHECK(all_bytes(view, 5, shared));
    memset(view, 9, shared);
    char *next[BUFFERS];
    for (int i = 0; i < BUFFERS; i++)
        check_as_new(next[i] = valloc(size), size);
    CHECK(all_bytes(view, 9, shared) && shmdt(view) == 0);
    for (int i = 0; i < BUFFERS; i++)
        free(next[i]);
}

static void attach_over(size_t size)
{
    for (int i = 0; i < 3; i++) {
        char *buffer = begin(size), *view;
        size_t shared = i == 0 ? size : part;
        attach(buffer, shared, i == 2 ? part : 0, i == 1, &view);
        check_no_hole(buffer, size);
        free(buffer);
        check_others_memory(view, shared, size);
    }
}

static void detach(size_t size)
{
    for (int i = 0; i < 3; i++) {
        char *buffer = begin(size), *view;
        size_t shared = i == 0 ? size : part + page_size(), at = i == 2 ? part : 0;
        char *attached = attach(buffer, shared, at, false, &view);
        watched = NULL; // how long it is only the kernel knows: there is a hole, but not for long
        CHECK((i == 1 ? syscall(SYS_shmdt, attached) : shmdt(attached)) == 0);
        check_gone(buffer, size, at, shared);
        check_others_memory(view, shared, size);
    }
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(size_t size);
        int rounds;
    } cases[] = {{"unmap-part", unmap_part, ROUNDS},
                 {"unmap-all", unmap_all, ROUNDS},
                 {"unmap-by-number", unmap_by_number, ROUNDS},
                 {"move-same", move_same, ROUNDS},
                 {"move-and-grow", move_and_grow, ROUNDS},
                 {"move-and-shrink", move_and_shrink, ROUNDS},
                 {"shrink", shrink, ROUNDS},
                 {"move-and-leave", move_and_leave, ROUNDS},
                 {"move-refused", move_refused, ROUNDS},
                 {"attach", attach_over, ROUNDS_SHARED},
                 {"detach", detach, ROUNDS_SHARED}};
    pthread_t thread;
    CHECK(count == 2);
    require_library();
    CHECK(pthread_create(&thread, NULL, map_elsewhere, NULL) == 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int round = 0; strcmp(cases[i].name, arguments[1]) == 0 && round < cases[i].rounds;
             round++)
            cases[i].run(sizes[round % 2]);
    over = true;
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
