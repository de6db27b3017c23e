// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A child of vfork works in its parent's memory until it runs another program.

#include "crash.h"

int main(void)
{
    require_library();
    char *buffer = opaque(malloc(2 * MIB));
    pid_t child = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    expect_success(child);
    memset(buffer, 1, 2 * MIB);
    free(buffer);
    return 0;
}
