// SPDX-License-Identifier: MIT OR Apache-2.0
//
// free leaves errno alone on every way, those included on which the kernel refuses what the library
// asks for: programs free what they no longer need and report the error they had before.

#include "tests/preload/check.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { MARK = 4711, BUFFERS = 40 };

static void free_keeping(void *pointer)
{
    errno = MARK;
    free(pointer);
    CHECK(errno == MARK);
}

static void free_all_kinds(void)
{
    static char *buffers[BUFFERS];
    free_keeping(NULL);
    free_keeping(malloc(100));
    for (size_t i = 0; i < BUFFERS; i++) {
        size_t size = i % 8 < 7 ? MIB + i * 300 * KIB : 40 * KIB * i;
        CHECK((buffers[i] = malloc(size)) != NULL);
        memset(buffers[i], 1, i % 2 != 0 ? size : 1);
        size_t usable = malloc_usable_size(buffers[i]);
        CHECK(usable >= size && malloc_usable_size(buffers[i]) == usable);
        if (i % 5 == 0)
            mlock(buffers[i], 4 * KIB); // replaced when freed, instead of kept
    }
    for (size_t i = 0; i < BUFFERS; i++)
        free_keeping(buffers[i]);
}

// What is named here fails from now on.
static void refuse(const int *calls, unsigned count)
{
    struct sock_filter filter[16] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    unsigned length = 1;
    for (unsigned i = 0; i < count; i++) {
        filter[length++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {(unsigned short)length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        check_skip("the system takes no filter of system calls");
}

int main(void)
{
    static const int optional[] = {SYS_madvise, SYS_mincore, SYS_membarrier, SYS_mremap};
    require_library();
    free_all_kinds();
    refuse(optional, 4);
    free_all_kinds();
    malloc_trim(0);
    return 0;
}
