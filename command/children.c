// SPDX-License-Identifier: MIT OR Apache-2.0

#include "children.h"

#include "command/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static struct sigaction before;

void zp_children_expect(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &usual, &before);
}

void zp_children_restore(void)
{
    sigaction(SIGCHLD, &before, NULL);
}

int zp_children_pipe(int failure[2])
{
    return pipe2(failure, O_CLOEXEC) == 0 ? 0 : errno;
}

void zp_children_become(const char *path, char **words, const int failure[2])
{
    zp_children_restore();
    execvp(path, words);
    int error = errno;
    ssize_t written = write(failure[1], &error, sizeof(error));
    _exit(written == sizeof(error) ? ZP_NO_PROGRAM : ZP_FAILED);
}

int zp_children_await_exec(const int failure[2])
{
    int error = 0;
    ssize_t length;
    close(failure[1]);
    do
        length = read(failure[0], &error, sizeof(error));
    while (length < 0 && errno == EINTR);
    close(failure[0]);
    return length == sizeof(error) ? error : 0;
}
