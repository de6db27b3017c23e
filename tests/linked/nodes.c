// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A linked library that keeps to itself that ZEROPOOL_NUMA names a node without memory, says it
// more than once, or says it of what is no node. usage: nodes, with ZEROPOOL_NUMA set: to a node
// without memory if it begins with a digit.

#include "core/zeropool.h"
#include "tests/preload/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char line[] = "zeropool: ZEROPOOL_NUMA names a node that has no memory; using auto\n";

int main(void)
{
    char said[1024] = "";
    int ends[2], own = dup(STDERR_FILENO);
    const char *node = getenv("ZEROPOOL_NUMA");
    CHECK(node != NULL && !library_is_loaded());
    // Before the library starts, which is with the first call: it writes to the standard error that
    // there is then.
    CHECK(own >= 0 && pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    for (int i = 0; i < 3; i++) {
        void *buffer = zeropool_get(4 * MIB);
        CHECK(buffer != NULL && zeropool_owns(buffer)); // it goes on with auto
        zeropool_put(buffer);
    }
    CHECK(dup2(own, STDERR_FILENO) == STDERR_FILENO && close(ends[1]) == 0);
    ssize_t length = 0, more;
    while ((more = read(ends[0], said + length, sizeof(said) - 1 - (size_t)length)) > 0)
        length += more;
    CHECK(strcmp(said, isdigit((unsigned char)*node) ? line : "") == 0);
    return 0;
}
