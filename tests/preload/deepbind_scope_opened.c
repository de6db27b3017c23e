// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library with a function of the same name as the program's, and blocks that the program frees.

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT const char *who(void);
EXPORT const char *opened_ask(void);
EXPORT void opened_make_read_only(void *buffer, size_t size);
EXPORT char *opened_early[3];

const char *who(void)
{
    return "opened";
}

const char *opened_ask(void)
{
    return who();
}

void opened_make_read_only(void *buffer, size_t size)
{
    if (mprotect(buffer, size, PROT_READ) != 0)
        abort();
}

__attribute__((constructor)) static void allocate_early(void)
{
    opened_early[0] = strdup("text");
    opened_early[1] = malloc(3 << 20);
    if (posix_memalign((void **)&opened_early[2], 64, 5000) != 0)
        abort();
}
