// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/stack.h"
#include "support.h"

static char text[4096];

static void *const own = (void *)0x10, *const other = (void *)0x20;

// Gives the library's own frames first, as unwinding from within does.
static unsigned capture(void **frames, unsigned most)
{
    ck_assert_uint_eq(most, ZP_STACK_MOST);
    frames[0] = frames[1] = own;
    frames[2] = frames[3] = other;
    return 4;
}

static unsigned capture_all(void **frames, unsigned most)
{
    for (unsigned i = 0; i < most; i++)
        frames[i] = other;
    return most;
}

static bool is_own(void *frame)
{
    return frame == own;
}

static void describe(struct zp_line *line, void *frame)
{
    zp_line_text(line, frame == own ? " ours" : " theirs");
}

static void write_stack(const struct zp_stack *stack)
{
    struct unit_output output = unit_output_begin();
    zp_stack_write(stack);
    unit_output_end(output, text, sizeof(text));
}

// Breaks when without an unwinder something is made up, or the one address that is known is not
// shown.
START_TEST(without_an_unwinder_there_are_addresses)
{
    struct zp_stack stack = {{other, other}};
    write_stack(&stack);
    ck_assert_str_eq(text, "zeropool:   #0 0x20\nzeropool:   #1 0x20\n");
    zp_stack_capture(&stack);
    ck_assert_ptr_null(stack.frames[0]);
    write_stack(&stack);
    ck_assert_str_eq(text, "");
}
END_TEST

// Breaks when frames of the library are shown, or those of the program are not, or lose their
// names.
START_TEST(own_frames_are_left_out)
{
    static const struct zp_unwinder unwinder = {capture, is_own, describe};
    zp_stack_init(&unwinder, true);
    ck_assert(zp_stack_recorded);
    struct zp_stack stack;
    memset(&stack, 1, sizeof(stack));
    zp_stack_capture(&stack);
    ck_assert_ptr_null(stack.frames[4]);
    write_stack(&stack);
    ck_assert_str_eq(text, "zeropool:   #0 0x20 theirs\nzeropool:   #1 0x20 theirs\n");
    stack.frames[2] = NULL;
    write_stack(&stack);
    ck_assert_str_eq(text, "zeropool:   #0 0x10 ours\n");
}
END_TEST

// Breaks when a stack that is full to the last frame is read beyond its end.
START_TEST(a_full_stack_ends)
{
    static const struct zp_unwinder unwinder = {capture_all, is_own, describe};
    zp_stack_init(&unwinder, false);
    struct zp_stack stacks[2];
    memset(stacks, 1, sizeof(stacks));
    zp_stack_capture(&stacks[0]);
    write_stack(&stacks[0]);
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, ZP_STACK_MOST);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, without_an_unwinder_there_are_addresses);
    tcase_add_test(tests, own_frames_are_left_out);
    tcase_add_test(tests, a_full_stack_ends);
    return unit_run("stack", tests);
}
