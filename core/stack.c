// SPDX-License-Identifier: MIT OR Apache-2.0

#include "stack.h"

#include <string.h>

// More than the library's own functions are deep, and the stack that is wanted.
enum { DEEP = 4 * ZP_STACK_MOST };

static ZP_FROZEN const struct zp_unwinder *unwinder = NULL;
ZP_FROZEN bool zp_stack_recorded = false;

void zp_stack_init(const struct zp_unwinder *chosen, bool record)
{
    unwinder = chosen;
    zp_stack_recorded = record;
}

void zp_stack_capture(struct zp_stack *stack)
{
    unsigned count = unwinder != NULL ? unwinder->capture(stack->frames, ZP_STACK_MOST) : 0;
    if (count < ZP_STACK_MOST)
        stack->frames[count] = NULL;
}

// Moves the frames to the front that follow the library's own ones.
static unsigned drop_own(void **frames, unsigned count)
{
    unsigned own = 0;
    while (own < count && unwinder->is_own(frames[own]))
        own++;
    memmove(frames, frames + own, (count - own) * sizeof(*frames));
    return count - own;
}

unsigned zp_stack_of_program(void **frames, unsigned most)
{
    return unwinder != NULL ? drop_own(frames, unwinder->capture(frames, most)) : 0;
}

void zp_stack_capture_caller(struct zp_stack *stack)
{
    void *frames[DEEP];
    unsigned count = unwinder != NULL ? unwinder->capture(frames, DEEP) : 0, first = 0, kept = 0;
    while (first + 1 < count && unwinder->is_own(frames[first + 1]))
        first++;
    for (unsigned i = first; i < count && kept < ZP_STACK_MOST; i++)
        stack->frames[kept++] = frames[i];
    if (kept < ZP_STACK_MOST)
        stack->frames[kept] = NULL;
}

static void write_frame(unsigned number, void *frame)
{
    struct zp_line line;
    zp_line_begin(&line, "zeropool:   #");
    zp_line_number(&line, number);
    zp_line_text(&line, " ");
    zp_line_pointer(&line, frame);
    if (unwinder != NULL)
        unwinder->describe(&line, frame);
    zp_line_write(&line);
}

void zp_stack_write(const struct zp_stack *stack)
{
    void *const *frames = stack->frames;
    unsigned first = 0, count = 0;
    while (count < ZP_STACK_MOST && frames[count] != NULL)
        count++;
    while (unwinder != NULL && first + 1 < count && unwinder->is_own(frames[first]))
        first++;
    for (unsigned i = first; i < count; i++)
        write_frame(i - first, frames[i]);
}
