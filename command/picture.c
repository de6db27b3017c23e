// SPDX-License-Identifier: MIT OR Apache-2.0

#include "picture.h"

#include "command/say.h"
#include "stats/format.h"
#include "stats/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Lines -----------------------------------------------------------------------------------

static void append(struct zp_picture *picture, const char *text, size_t length)
{
    if (picture->length + length + 1 > picture->room) {
        picture->room = 2 * (picture->length + length + 1);
        picture->text = realloc(picture->text, picture->room);
        if (picture->text == NULL)
            exit(zp_fail(ZP_FAILED, "no memory"));
    }
    memcpy(picture->text + picture->length, text, length);
    picture->length += length;
    picture->text[picture->length] = '\0';
}

static bool has_room(const struct zp_picture *picture)
{
    return picture->lines == 0 || picture->used < picture->lines;
}

__attribute__((format(printf, 2, 3))) static void add_line(struct zp_picture *picture,
                                                           const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    size_t length = strlen(line);
    if (!has_room(picture))
        return;
    if (length > picture->columns)
        length = picture->columns;
    while (length > 0 && line[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < length; i++)
        if (line[i] < ' ' || line[i] > '~')
            line[i] = '?';
    append(picture, line, length);
    append(picture, picture->line_end, strlen(picture->line_end));
    picture->used++;
}

enum { BAR_MOST = 40 };

// A bar of `width` characters, filled as `part` is of `whole`; something is never shown as nothing.
static const char *bar(uint64_t part, uint64_t whole, unsigned width, char text[BAR_MOST + 1])
{
    double share = whole > 0 ? (double)part / (double)whole : 0;
    unsigned filled = (unsigned)((share < 1 ? share : 1) * width + 0.5);
    if (filled == 0 && part > 0)
        filled = 1;
    memset(text, '#', filled);
    memset(text + filled, '.', width - filled);
    text[width] = '\0';
    return text;
}

// A number in up to seven characters: 1234, 56.7k, 8.90M.
static struct zp_text short_text(double value)
{
    static const char units[] = " kMGTP";
    unsigned unit = 0;
    struct zp_text text;
    for (; value >= 9999.5 && unit + 2 < sizeof(units); unit++)
        value /= 1000;
    if (unit == 0)
        snprintf(text.is, sizeof(text.is), "%.*f",
                 value < 9.95 && value > (double)(int)value ? 1 : 0, value);
    else
        snprintf(text.is, sizeof(text.is), "%.0f%c", value, units[unit]);
    return text;
}

static struct zp_text hit_text(const struct zp_live *live)
{
    uint64_t gets = zp_row_gets(live);
    struct zp_text none = {"-"};
    return gets > 0 ? zp_percent_text(zp_row_hits(live), gets) : none;
}

// ---- All processes ---------------------------------------------------------------------------

static void add_processes(struct zp_picture *picture, const struct zp_rows *rows)
{
    char filled[BAR_MOST + 1];
    bool rates = picture->rates;
    // What is left of a wide line is the bar's.
    unsigned width = picture->columns <= 80 ? 6 : picture->columns - 74;
    if (width > BAR_MOST)
        width = BAR_MOST;
    add_line(picture, "%7s %-15s %7s %11s %7s %10s %10s %s", "PID", "PROGRAM",
             rates ? "GETS/s" : "GETS", rates ? "ASKED/s" : "ASKED", "HITS", "LIVE", "RETAINED",
             "BUDGET");
    for (size_t i = 0; i < rows->count; i++) {
        const struct zp_row *row = &rows->rows[i];
        const struct zp_pool_stats *stats = &row->live.stats;
        if (picture->lines != 0 && picture->used + 1 == picture->lines && i + 1 < rows->count) {
            add_line(picture, "%zu processes more", rows->count - i);
            return;
        }
        double gets = rates ? row->gets : (double)zp_row_gets(&row->live);
        double bytes = rates ? row->bytes : (double)stats->counters.bytes_requested;
        bool known = !rates || row->rated;
        add_line(picture, "%7u %-15.15s %7s %11s %7s %10s %10s %s", row->live.pid,
                 row->live.program, known ? short_text(gets).is : "-",
                 known ? zp_bytes_text((uint64_t)bytes).is : "-", hit_text(&row->live).is,
                 zp_bytes_text(stats->live_bytes).is, zp_bytes_text(stats->retained_bytes).is,
                 bar(stats->retained_bytes, stats->budget_bytes, width, filled));
    }
    if (rows->count == 0)
        add_line(picture, "No process publishes its counters. Start one with ZEROPOOL_LIVE=on.");
    if (rows->unreadable > 0)
        add_line(picture, "%u more with another version of the library, or that are stopped",
                 rows->unreadable);
}

// ---- One process -----------------------------------------------------------------------------

static const struct zp_stat *find_family(const char *name)
{
    for (size_t i = 0; i < zp_stat_count; i++)
        if (zp_stat_table[i].kind == ZP_STAT_FAMILY && strcmp(zp_stat_table[i].name, name) == 0)
            return &zp_stat_table[i];
    return NULL;
}

// The values of a family, each with its share of all of them.
static void add_shares(struct zp_picture *picture, const char *title, const char *name,
                       const struct zp_pool_stats *stats)
{
    const struct zp_stat *family = find_family(name), *end = zp_stat_table + zp_stat_count;
    uint64_t sum = 0;
    char filled[BAR_MOST + 1];
    if (family == NULL)
        return;
    for (const struct zp_stat *stat = family + 1; stat < end && stat->kind == ZP_STAT_VALUE; stat++)
        sum += zp_stat_value(stat, stats);
    for (const struct zp_stat *stat = family + 1; stat < end && stat->kind == ZP_STAT_VALUE;
         stat++) {
        uint64_t value = zp_stat_value(stat, stats);
        int length;
        const char *label = zp_stat_label(stat, &length);
        bool bytes = family->unit == ZP_STAT_BYTES;
        add_line(picture, "  %-12s %-16.*s %12s %8s  %s", stat == family + 1 ? title : "", length,
                 label, bytes ? zp_bytes_text(value).is : short_text((double)value).is,
                 sum > 0 ? zp_percent_text(value, sum).is : "-", bar(value, sum, 20, filled));
    }
}

static void add_classes(struct zp_picture *picture, const struct zp_pool_stats *stats)
{
    uint64_t most = 1;
    char filled[BAR_MOST + 1];
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++)
        if (stats->classes[i].committed_bytes > most)
            most = stats->classes[i].committed_bytes;
    add_line(picture, "  %-12s %8s %8s %8s %12s %12s", "buffers to", "live", "cached", "pooled",
             "committed", "peak");
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++) {
        const struct zp_class_stats *class = &stats->classes[i];
        if (class->committed_bytes == 0)
            continue;
        add_line(picture, "  %-12s %8llu %8llu %8llu %12s %12s  %s",
                 zp_bytes_text(zp_class_size(i)).is, (unsigned long long)class->live,
                 (unsigned long long)class->cached, (unsigned long long)class->pooled,
                 zp_bytes_text(class->committed_bytes).is, zp_bytes_text(class->peak_bytes).is,
                 bar(class->committed_bytes, most, 10, filled));
    }
}

static void add_detail(struct zp_picture *picture, const struct zp_row *row)
{
    const struct zp_pool_stats *stats = &row->live.stats;
    char filled[BAR_MOST + 1];
    add_line(picture, "process %u (%s), library %s", row->live.pid, row->live.program,
             row->live.library);
    if (picture->rates && row->rated)
        add_line(picture, "  %-12s %-16s %12s %10s/s", "now", "requests a second",
                 short_text(row->gets).is, zp_bytes_text((uint64_t)row->bytes).is);
    add_line(picture, "  %-12s %-16s %12s %8s  %s", "memory", "retained",
             zp_bytes_text(stats->retained_bytes).is,
             zp_percent_text(stats->retained_bytes, stats->budget_bytes).is,
             bar(stats->retained_bytes, stats->budget_bytes, 20, filled));
    add_line(picture, "  %-12s %-16s %12s", "", "of a budget of",
             zp_bytes_text(stats->budget_bytes).is);
    add_line(picture, "  %-12s %-16s %12s", "", "held live", zp_bytes_text(stats->live_bytes).is);
    add_line(picture, "  %-12s %-16s %12s", "", "scrubbed",
             zp_bytes_text(stats->counters.bytes_scrubbed).is);
    add_line(picture, "  %-12s %-16s %12s %8s", "", "time saved, est.",
             zp_time_text(stats->saved_us).is, "");
    add_shares(picture, "requests", "gets_total", stats);
    add_shares(picture, "freed to", "puts_total", stats);
    add_shares(picture, "let go", "let_go_total", stats);
    add_classes(picture, stats);
}

void zp_picture_draw(struct zp_picture *picture, const struct zp_rows *rows, bool detail,
                     const char *title)
{
    picture->length = 0;
    picture->used = 0;
    if (title != NULL)
        add_line(picture, "%s", title);
    if (detail && rows->count == 1)
        add_detail(picture, &rows->rows[0]);
    else
        add_processes(picture, rows);
}
