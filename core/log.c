// SPDX-License-Identifier: MIT OR Apache-2.0

#include "log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static ZP_FROZEN int log_level = ZP_LOG_WARNING;

void zp_line_begin(struct zp_line *line, const char *prefix)
{
    line->length = 0;
    zp_line_text(line, prefix);
}

void zp_line_bytes(struct zp_line *line, const char *text, size_t length)
{
    size_t room = ZP_LINE_MAX - 1 - line->length; // one byte is kept for the newline
    if (length > room)
        length = room;
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

void zp_line_text(struct zp_line *line, const char *text)
{
    zp_line_bytes(line, text, strlen(text));
}

static void line_in_base(struct zp_line *line, uint64_t number, unsigned base)
{
    char digits[20];
    size_t used = sizeof(digits);
    do {
        digits[--used] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    zp_line_bytes(line, digits + used, sizeof(digits) - used);
}

void zp_line_number(struct zp_line *line, uint64_t number)
{
    line_in_base(line, number, 10);
}

void zp_line_pointer(struct zp_line *line, const void *pointer)
{
    zp_line_text(line, "0x");
    line_in_base(line, (uintptr_t)pointer, 16);
}

void zp_line_byte(struct zp_line *line, uint8_t byte)
{
    line_in_base(line, byte / 16, 16);
    line_in_base(line, byte % 16, 16);
}

void zp_line_write(struct zp_line *line, int fd)
{
    int saved_errno = errno;
    line->text[line->length++] = '\n';
    // A closed or full stderr is not ours to mend: the message is lost, the program goes on.
    ssize_t written = write(fd, line->text, line->length);
    (void)written;
    errno = saved_errno;
}

void zp_log_set_level(int level)
{
    log_level = level;
}

bool zp_log_wants(enum zp_log_level level)
{
    return (int)level <= log_level;
}

void zp_log(enum zp_log_level level, const char *what, const char *detail)
{
    if (!zp_log_wants(level))
        return;
    struct zp_line line;
    zp_line_begin(&line, "zeropool: ");
    zp_line_text(&line, what);
    if (detail != NULL)
        zp_line_text(&line, detail);
    zp_line_write(&line, STDERR_FILENO);
}
