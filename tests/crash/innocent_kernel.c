// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kernel refuses to write into memory that the program may not touch, with EFAULT and no more;
// and it writes into a live buffer to the last byte.

#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>

int main(void)
{
    require_library();
    char *buffer = opaque(malloc(2 * MIB));
    size_t usable = malloc_usable_size(buffer);
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    CHECK(read(zero, buffer, usable) == (ssize_t)usable);
    CHECK(read(zero, buffer + usable, 1) == -1 && errno == EFAULT);
    free(buffer);
    return 0;
}
