// SPDX-License-Identifier: MIT OR Apache-2.0
//
// With everything checked a write of one byte to the last page of a freed buffer is found by a
// calloc of another size.

#include "crash.h"

int main(void)
{
    char *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    end_quarantine();
    buffer[2 * MIB - 1] = 1;
    expect_fatal("write after free at offset 2097151 of a buffer of 2097152 bytes: 01", buffer);
    expect_at("main");
    expect_freed_at("let_go");
    opaque(calloc(1, 2 * MIB - 300 * KIB));
}
