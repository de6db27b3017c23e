// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Starting the program anew, with the same arguments, from inside the dynamic linker: what
// aside.c and audit.c share.
//
// Nothing of libc is called, and nothing that is relocated is used: it may not be in place yet.
// volatile keeps the compiler from making calls of loops.

#ifndef ZP_PRELOAD_ANEW_H
#define ZP_PRELOAD_ANEW_H

#include "core/syscall.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

typedef const volatile char *zp_text; // of which the compiler must not think in terms of strlen

static inline size_t zp_length_of(zp_text word)
{
    size_t length = 0;
    while (word[length] != '\0')
        length++;
    return length;
}

static inline bool zp_starts_with(zp_text word, zp_text start)
{
    while (*start != '\0' && *word == *start)
        word++, start++;
    return *start == '\0';
}

// Field 28 of /proc/self/stat: where the kernel has put the number of arguments. 0 if not known.
static inline unsigned long zp_stack_from_proc(void)
{
    static const char path[] = "/proc/self/stat";
    char line[1024]; // the name in it has 15 bytes at most, but may be any
    int fd = (int)zp_kernel_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long length = fd >= 0 ? zp_kernel_call(SYS_read, fd, line, sizeof(line)) : -1;
    if (fd >= 0)
        zp_kernel_call(SYS_close, fd);
    long at = length;
    while (at > 0 && line[at - 1] != ')')
        at--;
    unsigned field = 2; // the name
    unsigned long number = 0;
    for (; at < length && field <= 28; at++) {
        // The kernel has written it.
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        field += line[at] == ' ';
        if (field == 28 && line[at] != ' ')
            number = number * 10 + (unsigned long)(line[at] - '0');
    }
    return number;
}

// Where the kernel has put the number of arguments, behind which they and the environment lie; NULL
// if not known. `libc_stack_end` is the dynamic linker's variable of that name. In an executable
// that uses it as well and is not position-independent (node) it is a copy, not yet filled.
static inline long *zp_start_of_stack(void *libc_stack_end)
{
    return libc_stack_end != NULL
               ? libc_stack_end
               : (long *)zp_stack_from_proc(); // NOLINT(performance-no-int-to-ptr)
}

// What the kernel tells a program about itself, behind its environment.
static inline unsigned long zp_from_kernel(char **environment, unsigned long what)
{
    while (*environment != NULL)
        environment++;
    const ElfW(auxv_t) *entry = (const void *)(environment + 1);
    while (entry->a_type != AT_NULL && entry->a_type != what)
        entry++;
    return entry->a_type == what ? entry->a_un.a_val : 0;
}

// A name for the executable. The one it was started by, as the process is called after it; but it
// may lead elsewhere, as that of a script does.
static inline const char *zp_executable(char **environment)
{
    static const char always[] = "/proc/self/exe";
    const char *started_by = (const char *)zp_from_kernel(environment, AT_EXECFN);
    struct stat here, there;
    if (started_by != NULL && zp_kernel_call(SYS_newfstatat, AT_FDCWD, always, &here, 0) == 0 &&
        zp_kernel_call(SYS_newfstatat, AT_FDCWD, started_by, &there, 0) == 0 &&
        // The kernel has written both.
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        here.st_dev == there.st_dev && here.st_ino == there.st_ino)
        return started_by;
    return always;
}

#endif
