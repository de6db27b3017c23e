// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With everything checked an access from within libc is explained, too.

#include "crash.h"

int main(void)
{
    static char copy[4096];
    char *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    expect_fatal("access at offset 8192 of a freed buffer", buffer);
    expect_at("main");
    expect_freed_at("let_go");
    expect_signal(SIGSEGV);
    memcpy(opaque(copy), buffer + 8192, opaque_size(1));
    return copy[0];
}
