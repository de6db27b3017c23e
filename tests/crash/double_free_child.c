// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A child frees what its parent has already freed: it shows in the child although the pool of the
// parent is not there.

#include "crash.h"

#include <sys/wait.h>

int main(void)
{
    void *buffer = opaque(malloc(2 * MIB));
    let_go(buffer);
    pid_t child = fork();
    if (child == 0) {
        expect_fatal("double free", buffer);
        expect_freed_at("let_go");
        free(buffer);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    signal(SIGABRT, SIG_DFL);
    raise(WTERMSIG(status));
}
