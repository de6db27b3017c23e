// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/log.h"
#include "support.h"

#include <fcntl.h>

static char text[4 * ZP_LINE_MAX];

#define CAPTURE(statement)                                                                         \
    do {                                                                                           \
        struct unit_output output = unit_output_begin();                                           \
        errno = 4711;                                                                              \
        statement;                                                                                 \
        int after = errno;                                                                         \
        unit_output_end(output, text, sizeof(text));                                               \
        ck_assert_int_eq(after, 4711);                                                             \
    } while (0)

// Breaks when a message has another form, or is shown or dropped at the wrong level.
START_TEST(messages_have_levels)
{
    CAPTURE(zp_log(ZP_LOG_WARNING, "careful: ", "now"));
    ck_assert_str_eq(text, "zeropool: careful: now\n");
    CAPTURE(zp_log(ZP_LOG_WARNING, "careful", NULL));
    ck_assert_str_eq(text, "zeropool: careful\n");
    CAPTURE(zp_log(ZP_LOG_INFO, "started", NULL));
    ck_assert_str_eq(text, "");
    ck_assert(!zp_log_wants(ZP_LOG_INFO));

    zp_log_set_level(1);
    ck_assert(zp_log_wants(ZP_LOG_INFO));
    ck_assert(!zp_log_wants(ZP_LOG_DETAIL));
    CAPTURE(zp_log(ZP_LOG_INFO, "started", NULL));
    ck_assert_str_eq(text, "zeropool: started\n");
    CAPTURE(zp_log(ZP_LOG_DETAIL, "refused", NULL));
    ck_assert_str_eq(text, "");

    zp_log_set_level(3);
    CAPTURE(zp_log(ZP_LOG_DETAIL, "refused", NULL));
    ck_assert_str_eq(text, "zeropool: refused\n");
}
END_TEST

// Breaks when a number or an address is written wrongly, at either end of the range.
START_TEST(numbers_are_written_in_full)
{
    struct zp_line line;
    zp_line_begin(&line, "<");
    zp_line_number(&line, 0);
    zp_line_text(&line, " ");
    zp_line_number(&line, UINT64_MAX);
    zp_line_text(&line, " ");
    zp_line_number(&line, 1000);
    zp_line_text(&line, " ");
    zp_line_pointer(&line, NULL);
    zp_line_text(&line, " ");
    zp_line_pointer(&line, (void *)UINTPTR_MAX);
    zp_line_text(&line, " ");
    zp_line_pointer(&line, (void *)0x7f0123456789abcd);
    zp_line_bytes(&line, ">trailing", 1);
    CAPTURE(zp_line_write(&line));
    ck_assert_str_eq(text,
                     "<0 18446744073709551615 1000 0x0 0xffffffffffffffff 0x7f0123456789abcd>\n");
}
END_TEST

// Breaks when a line too long runs over its buffer, or loses its end of line.
START_TEST(a_long_line_is_cut)
{
    char many[2 * ZP_LINE_MAX];
    memset(many, 'x', sizeof(many) - 1);
    many[sizeof(many) - 1] = '\0';
    for (size_t length = ZP_LINE_MAX - 30; length < ZP_LINE_MAX + 30; length++) {
        struct zp_line line;
        zp_line_begin(&line, "");
        zp_line_bytes(&line, many, length);
        zp_line_text(&line, "12");
        zp_line_number(&line, 34);
        zp_line_pointer(&line, many);
        MUST(line.length < ZP_LINE_MAX);
        CAPTURE(zp_line_write(&line));
        size_t written = strlen(text);
        MUST(written <= ZP_LINE_MAX);
        MUST(text[written - 1] == '\n');
        MUST(memcmp(text, many, length < written - 1 ? length : written - 1) == 0);
    }
    CAPTURE(zp_log(ZP_LOG_WARNING, many, many));
    ck_assert_uint_eq(strlen(text), ZP_LINE_MAX);
    ck_assert_int_eq(text[ZP_LINE_MAX - 1], '\n');
}
END_TEST

// Breaks when a closed stderr changes errno or ends the program.
START_TEST(a_closed_stderr_is_no_harm)
{
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    errno = 4711;
    zp_log(ZP_LOG_WARNING, "nobody reads this", NULL);
    int after = errno;
    dup2(saved, STDERR_FILENO);
    ck_assert_int_eq(after, 4711);
}
END_TEST

// Breaks when two lines at once are mixed: a line is one write.
START_TEST(a_line_is_one_write)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_DIRECT), 0); // one read gives one write
    struct zp_line line;
    zp_line_begin(&line, "one ");
    zp_line_text(&line, "two ");
    zp_line_number(&line, 3);
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    zp_line_write(&line);
    dup2(saved, STDERR_FILENO);
    ssize_t length = read(ends[0], text, sizeof(text));
    ck_assert_int_eq(length, 10);
    ck_assert_mem_eq(text, "one two 3\n", 10);
}
END_TEST

// Breaks when a line goes to a file that has taken the number of standard error, or not to standard
// error where that has moved and come back; or when the answer is asked for again under a filter.
START_TEST(only_standard_error_is_written_to)
{
    int saved = dup(STDERR_FILENO), other = open("/dev/null", O_WRONLY);
    zp_log_init();
    ck_assert(zp_log_is_stderr(STDERR_FILENO) && zp_log_is_stderr(saved));
    ck_assert(!zp_log_is_stderr(other) && !zp_log_is_stderr(-1));
    CAPTURE(zp_log(ZP_LOG_WARNING, "in a file of the program's", NULL));
    ck_assert_str_eq(text, "");
    dup2(other, STDERR_FILENO);
    ck_assert(!zp_log_is_stderr(STDERR_FILENO));
    dup2(saved, STDERR_FILENO);
    ck_assert(zp_log_is_stderr(STDERR_FILENO));
    zp_log_settle();
    CAPTURE(zp_log(ZP_LOG_WARNING, "trusted", NULL));
    ck_assert_str_eq(text, "zeropool: trusted\n");
}
END_TEST

// Breaks when a program without standard error has the library write to what it opens next.
START_TEST(without_standard_error_nothing_is_written)
{
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    zp_log_init();
    dup2(saved, STDERR_FILENO);
    CAPTURE(zp_log(ZP_LOG_WARNING, "nobody reads this", NULL));
    ck_assert_str_eq(text, "");
    zp_log_settle();
    CAPTURE(zp_log(ZP_LOG_WARNING, "nor this", NULL));
    ck_assert_str_eq(text, "");
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, messages_have_levels);
    tcase_add_test(tests, numbers_are_written_in_full);
    tcase_add_test(tests, a_long_line_is_cut);
    tcase_add_test(tests, a_closed_stderr_is_no_harm);
    tcase_add_test(tests, a_line_is_one_write);
    tcase_add_test(tests, only_standard_error_is_written_to);
    tcase_add_test(tests, without_standard_error_nothing_is_written);
    return unit_run("log", tests);
}
