// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Call stacks, for the reports of what a program did wrong.
//
// Each slot remembers where its buffer was last freed: the caller of free, which costs a store, or
// the whole stack, which has to be unwound.
//
// core does not unwind by itself: it is given an unwinder at start. Without one a stack is the
// caller alone, and addresses have no names.
//
// Locking: none; the stack of a slot belongs to its owner. Fork: nothing to do.

#ifndef ZP_CORE_STACK_H
#define ZP_CORE_STACK_H

#include "log.h"

enum { ZP_STACK_MOST = 16 };

// Return addresses, innermost first; NULL behind the last if there are fewer.
struct zp_stack {
    void *frames[ZP_STACK_MOST];
};

struct zp_unwinder {
    // The stack of the caller, as many frames as there are up to `most`: returns how many. Called
    // on every free if stacks are recorded, so then it must neither allocate nor change errno.
    unsigned (*capture)(void **frames, unsigned most);
    // Whether a return address is in the library itself.
    bool (*is_own)(void *frame);
    // Adds to a line what lies at a return address: the function and the file.
    void (*describe)(struct zp_line *line, void *frame);
};

// `record` says whether whole stacks are recorded on every free. Called at most once, before there
// are threads; the unwinder must stay.
void zp_stack_init(const struct zp_unwinder *unwinder, bool record);

extern bool zp_stack_recorded;

// The stack of the caller; empty without an unwinder.
void zp_stack_capture(struct zp_stack *stack);

// The same from the last of the library's own functions on, however many of them there are: it
// takes longer.
void zp_stack_capture_caller(struct zp_stack *stack);

// The program's part of the stack: up to `most` frames, 0 without an unwinder.
unsigned zp_stack_of_program(void **frames, unsigned most);

// Writes a line per frame to stderr, without the library's own frames.
void zp_stack_write(const struct zp_stack *stack);

#endif
