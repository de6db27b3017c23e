// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fork_foreign.h"

#include <pthread.h>
#include <stddef.h>

static void (*handlers[3])(void);

static void call(int which)
{
    if (handlers[which] != NULL)
        handlers[which]();
}

static void prepare(void)
{
    call(0);
}

static void parent(void)
{
    call(1);
}

static void child(void)
{
    call(2);
}

__attribute__((constructor)) static void register_early(void)
{
    pthread_atfork(prepare, parent, child);
}

void foreign_set_handlers(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    handlers[0] = before;
    handlers[1] = in_parent;
    handlers[2] = in_child;
}
