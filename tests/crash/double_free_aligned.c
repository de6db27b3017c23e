// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A second free of a buffer that was asked for with an alignment.

#include "crash.h"

int main(void)
{
    void *buffer = NULL;
    CHECK(posix_memalign(&buffer, 2 * MIB, 2 * MIB) == 0);
    buffer = opaque(buffer);
    let_go(buffer);
    expect_fatal("double free", buffer);
    expect_freed_at("let_go");
    free(buffer);
}
