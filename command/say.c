// SPDX-License-Identifier: MIT OR Apache-2.0

#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *subcommand;

void zp_say_as(const char *name)
{
    subcommand = name;
}

// A line goes out by one write, so that those of several processes do not mix.
static void write_line(const char *format, va_list arguments)
{
    char line[4096];
    int length = snprintf(line, sizeof(line), "zeropool%s%s: ", subcommand != NULL ? " " : "",
                          subcommand != NULL ? subcommand : "");
    int more = vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, arguments);
    length += more < 0 ? 0 : more;
    if (length > (int)sizeof(line) - 2)
        length = (int)sizeof(line) - 2;
    for (int i = 0; i < length; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = '?'; // of a name: a line stays one line
    line[length++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written; // nothing can be done about a closed stderr
}

void zp_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

int zp_fail(enum zp_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
    return (int)status;
}

int zp_printed(int error)
{
    return error == 0
               ? ZP_DONE
               : zp_fail(ZP_FAILED, "standard output cannot be written: %s", strerror(-error));
}

int zp_finish(int status)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? status : zp_printed(-errno);
}

void *zp_room(unsigned long count, unsigned long size)
{
    void *room = calloc(count, size);
    if (room == NULL)
        exit(zp_fail(ZP_FAILED, "no memory"));
    return room;
}

char *zp_copy_of(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        exit(zp_fail(ZP_FAILED, "no memory"));
    return copy;
}
