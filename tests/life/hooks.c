// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Libraries that keep buffers registered with a device, and do not hear that the pages of a buffer
// are given back to the kernel: the device goes on writing to pages that are somebody else's. What
// Open MPI, UCX and libfabric do to hear it is done here. Also: hooks that allocate, which hang
// where a lock is held around the call; and the library's own calls that it takes for the
// program's, after which a buffer is not kept.
//
// usage: hooks interposed: hook.c stands in the way, before the library or behind it, as LD_PRELOAD
// has it
//        hooks patched: the first bytes of libc's functions are a jump to this program

#include "hook.h"
#include "tests/preload/check.h"

#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFERS = 24 };

static struct hook_record *record; // the one that is asked

// Whether all of these pages were named since the record was emptied.
static bool was_heard(const char *start, const char *end)
{
    CHECK(record->count <= HOOK_MOST);
    for (bool more = true; more && start < end;) {
        more = false;
        for (size_t i = 0; i < record->count; i++)
            if (record->heard[i].start <= start && record->heard[i].end > start) {
                start = record->heard[i].end;
                more = true;
            }
    }
    return start >= end;
}

static void forget(void)
{
    record->count = 0;
}

static void given_back(size_t size)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++)
        memset(buffers[i] = malloc(size), 1, size);
    forget();
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
    malloc_trim(0);
    for (int i = 0; i < BUFFERS; i++)
        CHECK(was_heard(buffers[i], buffers[i] + size));
}

static void moved(void)
{
    size_t size = 3 * MIB;
    char *buffer = memset(malloc(size), 1, size);
    for (int i = 0; i < 6; i++) {
        char *old = buffer;
        forget();
        buffer = realloc(opaque(buffer), 2 * size);
        CHECK(buffer == old || was_heard(old, old + size));
        CHECK(all_bytes(buffer, 1, size));
        memset(buffer, 1, size *= 2);
    }
    forget();
    char *tail = buffer + 4 * MIB, *end = buffer + size;
    buffer = realloc(buffer, 4 * MIB);
    CHECK(tail == buffer + 4 * MIB && was_heard(page_up(tail), end));
    free(buffer);
}

// What the library did to a buffer for itself must not be a mark of the program's: such a buffer is
// not kept.
static void own_calls_leave_no_mark(void)
{
    size_t size = 16 * MIB;
    char *buffer = memset(malloc(size), 1, size);
    buffer = realloc(buffer, size / 2); // gives back the tail of a live buffer
    memset(buffer, 1, size / 2);
    free(buffer);
    unsigned char resident = 0;
    CHECK(mincore(page_down(buffer), 4096, &resident) == 0 && (resident & 1) != 0);
}

// And what the program does is one, heard as well.
static void program_calls_leave_one(void)
{
    char *buffer = memset(valloc(4 * MIB), 1, 4 * MIB);
    CHECK(mprotect(buffer, 4 * MIB, PROT_READ) == 0);
    free(buffer);
    char *mapped = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    forget();
    CHECK(munmap(mapped, MIB) == 0 && was_heard(mapped, mapped + MIB));
    check_as_new(buffer = valloc(4 * MIB), 4 * MIB);
    free(buffer);
}

static void *keep_busy(void *argument)
{
    for (size_t i = 0; i < 200; i++) {
        size_t size = MIB + i % 17 * 300 * KIB;
        char *buffer = memset(malloc(size), 2, size);
        buffer = realloc(buffer, size * 2);
        free(buffer);
        if (i % 20 == 0)
            malloc_trim(0);
    }
    return argument;
}

static void among_threads_and_forks(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_busy, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            char *buffer = malloc(2 * MIB);
            free(buffer);
            malloc_trim(0);
            _exit(0);
        }
        expect_success(child);
    }
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

// ---- Patching --------------------------------------------------------------------------------

static struct hook_record patched;

static int patched_munmap(void *address, size_t length)
{
    hook_note(&patched, address, length);
    return (int)syscall(SYS_munmap, address, length);
}

static void *patched_mremap(void *from, size_t length, size_t new_length, int flags, void *to)
{
    hook_note(&patched, from, length);
    return (void *)syscall(SYS_mremap, from, length, new_length, flags, to);
}

static int patched_madvise(void *address, size_t length, int advice)
{
    if (advice == MADV_DONTNEED || advice == MADV_FREE)
        hook_note(&patched, address, length);
    return (int)syscall(SYS_madvise, address, length, advice);
}

// movabs $target, %r11; jmp *%r11: as Open MPI's patcher and UCX's write it.
static void patch(void *library, const char *name, void *target)
{
    unsigned char *code = dlsym(library, name),
                  jump[13] = {0x49, 0xbb, [10] = 0x41, [11] = 0xff, [12] = 0xe3};
    CHECK(code != NULL);
    memcpy(jump + 2, &target, sizeof(target));
    char *page = (char *)((uintptr_t)code & ~(uintptr_t)4095);
    CHECK(syscall(SYS_mprotect, page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    memcpy(code, jump, sizeof(jump));
    CHECK(syscall(SYS_mprotect, page, 8192, PROT_READ | PROT_EXEC) == 0);
}

static void patch_all(void *library)
{
#ifndef __x86_64__
    check_skip("the jump is written for x86-64");
#endif
    int (*munmap_to)(void *, size_t) = patched_munmap,
                             (*madvise_to)(void *, size_t, int) = patched_madvise;
    void *(*mremap_to)(void *, size_t, size_t, int, void *) = patched_mremap;
    patch(library, "munmap", *(void **)&munmap_to);
    patch(library, "madvise", *(void **)&madvise_to);
    patch(library, "mremap", *(void **)&mremap_to);
}

int main(int count, char **arguments)
{
    require_library();
    CHECK(count == 2);
    record = &hook_record;
    if (strcmp(arguments[1], "patched") == 0) {
        patch_all(dlopen(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD));
        record = &patched;
    } else if (strcmp(arguments[1], "patched-first") == 0) {
        patch_all(
            RTLD_DEFAULT); // whoever looks for libc's function by its name alone finds the first
        record = &patched;
    }
    own_calls_leave_no_mark();
    for (size_t size = MIB; size <= 8 * MIB; size += 1500 * KIB)
        given_back(size);
    moved();
    program_calls_leave_one();
    among_threads_and_forks();
}
