// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library that stands in the way of libc's mmap, munmap, mremap and madvise and passes them on:
// before the preloaded one or behind it.

#include "hook.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT struct hook_record hook_record;
EXPORT void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
EXPORT int munmap(void *address, size_t length);
EXPORT void *mremap(void *from, size_t length, size_t new_length, int flags, ...);
EXPORT int madvise(void *address, size_t length, int advice);

EXPORT void hook_note(struct hook_record *record, const void *start, size_t length)
{
    static _Thread_local int inside;
    size_t i = __atomic_fetch_add(&record->count, 1, __ATOMIC_RELAXED);
    if (i < HOOK_MOST)
        record->heard[i] = (struct hook_heard){start, (const char *)start + length};
    if (inside)
        return;
    inside = 1; // what malloc unmaps comes here, too
    for (size_t size = 8; size <= 8192; size *= 4) {
        void *volatile block = malloc(size);
        free(block);
    }
    inside = 0;
}

static void *next(void **kept, const char *name)
{
    if (*kept == NULL)
        *kept = dlsym(RTLD_NEXT, name);
    return *kept;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    static void *kept;
    void *(*call)(void *, size_t, int, int, int, off_t);
    *(void **)&call = next(&kept, "mmap");
    return call(address, length, protection, flags, fd, offset);
}

int munmap(void *address, size_t length)
{
    static void *kept;
    int (*call)(void *, size_t);
    *(void **)&call = next(&kept, "munmap");
    hook_note(&hook_record, address, length);
    return call(address, length);
}

void *mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    static void *kept;
    va_list more;
    va_start(more, flags);
    void *to = flags & MREMAP_FIXED ? va_arg(more, void *) : NULL;
    va_end(more);
    void *(*call)(void *, size_t, size_t, int, ...);
    *(void **)&call = next(&kept, "mremap");
    hook_note(&hook_record, from, length);
    return call(from, length, new_length, flags, to);
}

int madvise(void *address, size_t length, int advice)
{
    static void *kept;
    int (*call)(void *, size_t, int);
    *(void **)&call = next(&kept, "madvise");
    if (advice == MADV_DONTNEED || advice == MADV_FREE)
        hook_note(&hook_record, address, length);
    return call(address, length, advice);
}
