// SPDX-License-Identifier: MIT OR Apache-2.0

#include "format.h"

#include "stats/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void zp_sink_begin(struct zp_sink *sink, int fd)
{
    sink->fd = fd;
    sink->error = 0;
    sink->length = 0;
}

static void flush(struct zp_sink *sink)
{
    for (size_t at = 0; at < sink->length && sink->error == 0;) {
        ssize_t written = write(sink->fd, sink->text + at, sink->length - at);
        if (written > 0)
            at += (size_t)written;
        else if (written == 0 || errno != EINTR)
            sink->error = written == 0 ? EIO : errno;
    }
    sink->length = 0;
}

void zp_sink_add(struct zp_sink *sink, const char *format, ...)
{
    for (unsigned tries = 0; tries < 2; tries++) {
        va_list arguments;
        va_start(arguments, format);
        size_t room = sizeof(sink->text) - sink->length;
        int wanted = vsnprintf(sink->text + sink->length, room, format, arguments);
        va_end(arguments);
        if (wanted >= 0 && (size_t)wanted < room) {
            sink->length += (size_t)wanted;
            return;
        }
        flush(sink);
    }
}

int zp_sink_end(struct zp_sink *sink)
{
    flush(sink);
    return -sink->error;
}

struct zp_text zp_bytes_text(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    unsigned unit = 0;
    uint64_t tenths = bytes * 10;
    if (bytes >= (uint64_t)1 << 50)
        tenths = UINT64_MAX; // impossible: a counter has wrapped around
    while (tenths >= 10240 && unit < 5) {
        tenths /= 1024;
        unit++;
    }
    struct zp_text text;
    snprintf(text.is, sizeof(text.is), "%llu.%llu %s", (unsigned long long)tenths / 10,
             (unsigned long long)tenths % 10, units[unit]);
    return text;
}

struct zp_text zp_time_text(uint64_t microseconds)
{
    bool seconds = microseconds >= 1000000;
    uint64_t tenths = microseconds / (seconds ? 100000 : 100);
    struct zp_text text;
    snprintf(text.is, sizeof(text.is), "%llu.%llu %s", (unsigned long long)tenths / 10,
             (unsigned long long)tenths % 10, seconds ? "s" : "ms");
    return text;
}

struct zp_text zp_percent_text(uint64_t part, uint64_t whole)
{
    uint64_t tenths = zp_thousandths(part, whole);
    struct zp_text text;
    snprintf(text.is, sizeof(text.is), "%llu.%llu %%", (unsigned long long)tenths / 10,
             (unsigned long long)tenths % 10);
    return text;
}
