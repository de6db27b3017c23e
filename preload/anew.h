// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Restarting the program by execve, with the same arguments, from inside the dynamic linker: shared
// by aside.c and audit.c.
//
// No function of libc is called and no relocated pointer is used, as neither may be ready yet.
// volatile keeps the compiler from turning loops into calls of strlen and the like.

#ifndef ZP_PRELOAD_ANEW_H
#define ZP_PRELOAD_ANEW_H

#include "core/syscall.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

typedef const volatile char *zp_text; // volatile: no loop over it becomes a call of strlen

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

// Field 28 of /proc/self/stat: the address at which the kernel has put the number of arguments. 0
// if it cannot be read.
static inline unsigned long zp_stack_from_proc(void)
{
    static const char path[] = "/proc/self/stat";
    char line[1024]; // the program's name in it has at most 15 bytes, which may be any
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
        // Initialised by the kernel.
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        field += line[at] == ' ';
        if (field == 28 && line[at] != ' ')
            number = number * 10 + (unsigned long)(line[at] - '0');
    }
    return number;
}

// The address of the number of arguments, which the arguments and the environment follow; NULL if
// it cannot be found. `libc_stack_end` is the dynamic linker's variable of that name. It is NULL
// where the executable uses it too and is not position-independent (node): then the variable is a
// copy that is not filled yet.
static inline long *zp_start_of_stack(void *libc_stack_end)
{
    return libc_stack_end != NULL
               ? libc_stack_end
               : (long *)zp_stack_from_proc(); // NOLINT(performance-no-int-to-ptr)
}

// An entry of the auxiliary vector, which follows the environment; 0 if there is none.
static inline unsigned long zp_from_kernel(char **environment, unsigned long what)
{
    while (*environment != NULL)
        environment++;
    const ElfW(auxv_t) *entry = (const void *)(environment + 1);
    while (entry->a_type != AT_NULL && entry->a_type != what)
        entry++;
    return entry->a_type == what ? entry->a_un.a_val : 0;
}

// A path of the executable: the one it was started by, because the process takes its name from it,
// if that path leads to the executable (a script's does not), else /proc/self/exe.
static inline const char *zp_executable(char **environment)
{
    static const char always[] = "/proc/self/exe";
    const char *started_by = (const char *)zp_from_kernel(environment, AT_EXECFN);
    struct stat here, there;
    if (started_by != NULL && zp_kernel_call(SYS_newfstatat, AT_FDCWD, always, &here, 0) == 0 &&
        zp_kernel_call(SYS_newfstatat, AT_FDCWD, started_by, &there, 0) == 0 &&
        // Both initialised by the kernel.
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        here.st_dev == there.st_dev && here.st_ino == there.st_ino)
        return started_by;
    return always;
}

#endif
