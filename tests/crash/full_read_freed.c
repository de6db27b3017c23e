// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With everything checked a read of a freed buffer faults, and is explained.

#include "crash.h"

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    char *buffer = opaque(malloc(strtoul(argv[1], NULL, 0)));
    memset(buffer, 1, MIB);
    let_go(buffer);
    expect_fatal("access at offset 12345 of a freed buffer", buffer);
    expect_at("main");
    expect_freed_at("let_go");
    expect_signal(SIGSEGV);
    return buffer[12345];
}
