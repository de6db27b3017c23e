// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the kernel does not do: because it cannot, or because nobody may ask.

#include "core/os.h"
#include "support.h"

#include <time.h>

// Every call is made with errno at a value that it must leave alone.
#define OS(call)                                                                                   \
    (__extension__({                                                                               \
        errno = 4711;                                                                              \
        __auto_type result_ = (call);                                                              \
        ck_assert_int_eq(errno, 4711);                                                             \
        result_;                                                                                   \
    }))

static char *map(size_t pages, int protection)
{
    void *address = NULL;
    ck_assert_int_eq(OS(zp_os_map(pages * unit_page(), protection, &address)), 0);
    ck_assert_uint_eq((uintptr_t)address % unit_page(), 0);
    return address;
}

static void *refuse_mmap(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset)
{
    (void)address, (void)length, (void)protection, (void)flags, (void)fd, (void)offset;
    errno = EMFILE;
    return MAP_FAILED;
}

static int refuse_munmap(void *address, size_t length)
{
    (void)address, (void)length;
    errno = EMFILE;
    return -1;
}

static int refuse_mprotect(void *address, size_t length, int protection)
{
    (void)address, (void)length, (void)protection;
    errno = EMFILE;
    return -1;
}

static int refuse_advice(void *address, size_t length, int advice)
{
    (void)address, (void)length, (void)advice;
    errno = EMFILE;
    return -1;
}

static void *refuse_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    (void)from, (void)length, (void)new_length, (void)flags;
    errno = EMFILE;
    return MAP_FAILED;
}

static int refuse_mincore(void *address, size_t length, unsigned char *vector)
{
    (void)address, (void)length, (void)vector;
    errno = EMFILE;
    return -1;
}

static int refuse_membarrier(int command)
{
    (void)command;
    errno = EMFILE;
    return -1;
}

static int refuse_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *time)
{
    (void)word, (void)operation, (void)value, (void)time;
    errno = EMFILE;
    return -1;
}

// Breaks when what the kernel answers, which is whatever a filter or a new kernel has it say, is
// not returned as it is, or is left in errno.
START_TEST(every_refusal_is_returned)
{
    void *address = NULL;
    char *memory = map(4, PROT_READ | PROT_WRITE);
    size_t page = unit_page();
    unsigned char vector[1];
    uint32_t word = 1;
    zp_os_calls.mmap = refuse_mmap;
    zp_os_calls.munmap = refuse_munmap;
    zp_os_calls.mprotect = refuse_mprotect;
    zp_os_calls.madvise = refuse_advice;
    zp_os_calls.mremap = refuse_mremap;
    zp_os_calls.mincore = refuse_mincore;
    zp_os_calls.membarrier = refuse_membarrier;
    zp_os_calls.futex = refuse_futex;
    ck_assert_int_eq(OS(zp_os_map(page, PROT_READ, &address)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_map_fenced(page, PROT_READ, &address)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_map_over(memory, page, PROT_READ)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_unmap(memory, page)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_unmap_fenced(memory, page)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_protect(memory, page, PROT_READ)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_advise(memory, page, MADV_DONTNEED)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_move(memory, page, memory + 2 * page)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_residency(memory, page, vector)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_barrier()), -EMFILE);
    ck_assert_int_eq(OS(zp_os_wait(&word, 1, 1)), -EMFILE);
    ck_assert_int_eq(OS(zp_os_wake(&word)), -EMFILE);
    memory[0] = 1; // nothing was done
}
END_TEST

static int forbidden_calls;

static int forbidden_membarrier(int command)
{
    (void)command;
    return ++forbidden_calls;
}

static int forbidden_sysinfo(struct sysinfo *info)
{
    (void)info;
    return ++forbidden_calls;
}

static int forbidden_mincore(void *address, size_t length, unsigned char *vector)
{
    (void)address;
    (void)length;
    (void)vector;
    return ++forbidden_calls;
}

static int some_advice(void *address, size_t length, int advice)
{
    (void)address;
    (void)length;
    forbidden_calls += advice != MADV_DONTNEED && advice != MADV_FREE;
    return 0;
}

// Breaks when under a filter of the program's own a call is made that would end it, or when one
// that is not made seems to have worked.
START_TEST(restricted_to_what_malloc_needs)
{
    unsigned char vector[1];
    zp_os_calls.membarrier = forbidden_membarrier;
    zp_os_calls.sysinfo = forbidden_sysinfo;
    zp_os_calls.mincore = forbidden_mincore;
    zp_os_calls.madvise = some_advice;
    ck_assert(!zp_os_is_restricted());
    zp_os_restrict();
    ck_assert(zp_os_is_restricted());
    ck_assert_int_eq(OS(zp_os_barrier()), -EPERM);
    ck_assert(OS(zp_os_can_swap()));
    ck_assert_int_eq(OS(zp_os_residency(NULL, 4096, vector)), -EPERM);
    static const int refused[] = {MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTFORK,      MADV_DOFORK,
                                  MADV_DONTDUMP, MADV_DODUMP,     MADV_POPULATE_WRITE};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        ck_assert_int_eq(OS(zp_os_advise(NULL, 4096, refused[i])), -EPERM);
    ck_assert_int_eq(OS(zp_os_advise(NULL, 4096, MADV_DONTNEED)), 0);
    ck_assert_int_eq(OS(zp_os_advise(NULL, 4096, MADV_FREE)), 0);
    ck_assert_int_eq(forbidden_calls, 0);
}
END_TEST

static int refuse_fstat(int fd, struct stat *about)
{
    (void)fd;
    (void)about;
    errno = EPERM;
    return -1;
}

static off_t refuse_lseek(int fd, off_t offset, int whence)
{
    (void)fd;
    (void)offset;
    (void)whence;
    errno = EPERM;
    return -1;
}

// Breaks when a file that nobody may ask about is said to have something, or when a program under a
// filter is made to ask.
START_TEST(the_rest_of_a_file_is_not_known)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(ftruncate(fileno(file), 5000), 0);
    if (_i == 0)
        zp_os_calls.fstat = refuse_fstat;
    if (_i == 1)
        zp_os_calls.lseek = refuse_lseek;
    if (_i == 2)
        zp_os_restrict();
    ck_assert_uint_eq(OS(zp_os_file_rest(fileno(file), -1)), 0);
    fclose(file);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, every_refusal_is_returned);
    tcase_add_test(tests, restricted_to_what_malloc_needs);
    tcase_add_loop_test(tests, the_rest_of_a_file_is_not_known, 0, 3);
    return unit_run("os refused", tests);
}
