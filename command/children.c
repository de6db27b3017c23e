// SPDX-License-Identifier: MIT OR Apache-2.0

#include "children.h"

#include <signal.h>
#include <stddef.h>

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
