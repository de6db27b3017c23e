// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the programs that run under the library share. A failed check ends the program with a line
// that names it; nothing here allocates behind the test's back.

#ifndef ZP_TESTS_CHECK_H
#define ZP_TESTS_CHECK_H

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// glibc has it since 2.33; without that, it is the library's, where that is loaded.
#if !__GLIBC_PREREQ(2, 33)
struct mallinfo2 {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct mallinfo2 mallinfo2(void) __attribute__((weak));
#endif

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_failed(__FILE__, __LINE__, #condition);                                          \
    } while (0)

enum { CHECK_SKIP = 77 }; // exit status of a test that cannot run here

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

_Noreturn void check_failed(const char *file, int line, const char *condition);

// Says why the test cannot run here, and ends it.
_Noreturn void check_skip(const char *reason);

// Whether malloc is ours.
bool library_is_loaded(void);

// A test that passes because the library is not there tests nothing.
void require_library(void);

// A value that the compiler knows nothing about: it neither warns of what tests do on purpose, nor
// drops pairs of malloc and free.
void *opaque(void *pointer);
size_t opaque_size(size_t size);

// Whether `size` bytes are all `value`.
bool all_bytes(const void *bytes, int value, size_t size);

size_t page_size(void);

// Where the page of an address begins, and the first page that begins there or behind it: malloc's
// buffers begin anywhere in a page.
static inline char *page_down(void *address)
{
    return (char *)address - (uintptr_t)address % page_size();
}

static inline char *page_up(void *address)
{
    return page_down((char *)address + page_size() - 1);
}

// The next number of a sequence (splitmix64).
uint64_t next_random(uint64_t *state);

// ZP_TEST_SEED, or `fallback`; printed, so that a failure can be had again.
uint64_t test_seed(uint64_t fallback);

// The KiB that a line of a file under /proc gives: proc_kib("/proc/self/status", "VmRSS:").
size_t proc_kib(const char *path, const char *field);

// Mappings that the kernel has of this process.
size_t proc_mappings(void);

// Bytes of this process's mappings that count as committed: its part of Committed_AS in
// /proc/meminfo, which changes with every other process.
size_t proc_committed(void);

// Waits for a child process, which must exit with 0.
void expect_success(pid_t child);

// A new buffer must be all zero, writable, and inherited by a child, which can write and free it.
void check_as_new(char *buffer, size_t size);

#endif
