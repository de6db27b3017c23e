// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A buffer that another process reads, and one that another process writes.

#include "crash.h"

int main(void)
{
    require_library();
    int ends[2];
    CHECK(pipe(ends) == 0);
    char *buffer = opaque(malloc(2 * MIB));
    memset(buffer, 7, 2 * MIB);
    pid_t child = fork();
    if (child == 0) {
        for (size_t sent = 0; sent < 2 * MIB; sent += 65536)
            CHECK(write(ends[1], buffer + sent, 65536) == 65536);
        _exit(0);
    }
    free(buffer);
    buffer = opaque(calloc(1, 2 * MIB));
    close(ends[1]);
    ssize_t got;
    for (size_t at = 0; (got = read(ends[0], buffer + at, 2 * MIB - at)) > 0; at += (size_t)got) {
    }
    CHECK(all_bytes(buffer, 7, 2 * MIB));
    expect_success(child);
    free(buffer);
    return 0;
}
