// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a library hears that has to know when pages go, as those do that keep memory registered with
// a network device. Where it hears that is its own matter: hook.c stands in the way of libc's
// names, hooks.c patches libc.

#ifndef ZP_TESTS_HOOK_H
#define ZP_TESTS_HOOK_H

#include <stddef.h>

// Pages that are about to go: how they were named, and by which function. NULL when all are
// forgotten.
struct hook_heard {
    const char *start, *end;
};

enum { HOOK_MOST = 4096 };

struct hook_record {
    size_t count;
    struct hook_heard heard[HOOK_MOST];
};

// Of the library that stands in the way.
extern struct hook_record hook_record;

// Notes it, and allocates meanwhile, as some hooks do.
void hook_note(struct hook_record *record, const void *start, size_t length);

#endif
