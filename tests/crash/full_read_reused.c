// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With everything checked a freed buffer is not used again at once: to read it faults, although
// another of its size has been asked for.

#include "crash.h"

int main(void)
{
    char *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    char *next = opaque(malloc(2 * MIB));
    expect_fatal("access at offset 5 of a freed buffer", buffer);
    expect_at("main");
    expect_freed_at("let_go");
    expect_signal(SIGSEGV);
    return next[0] + buffer[5];
}
