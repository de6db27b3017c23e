// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A handler of SIGABRT that returns does not keep the program alive.

#include "crash.h"

static void carry_on(int number)
{
    (void)number;
}

int main(void)
{
    signal(SIGABRT, carry_on);
    void *buffer = opaque(malloc(2 * MIB));
    free(buffer);
    expect_fatal("double free", buffer);
    free(buffer);
}
