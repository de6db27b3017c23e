// SPDX-License-Identifier: MIT OR Apache-2.0

#include "format.h"

#include "stats/table.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long number; // what printf takes

struct zp_about zp_about_live(const struct zp_live *live)
{
    return (struct zp_about){
        .pid = (pid_t)live->pid,
        .program = live->program,
        .library = live->library,
        .time_ms = live->updated_ms,
        .status = "running",
        .stats = &live->stats,
    };
}

// ---- Strings ---------------------------------------------------------------------------------

size_t zp_character_bytes(const unsigned char *text)
{
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xC2 ? 0
                    : text[0] < 0xE0 ? 2
                    : text[0] < 0xF0 ? 3
                    : text[0] < 0xF5 ? 4
                                     : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    // Longer than need be, a surrogate, or beyond the last character.
    if ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
        (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

// A string in quotes as JSON and Prometheus have it. A program may have any name: control
// characters and what is not UTF-8 become question marks.
static void add_quoted(struct zp_sink *sink, const char *text)
{
    zp_sink_add(sink, "\"");
    while (*text != '\0') {
        size_t length = zp_character_bytes((const unsigned char *)text);
        if (length == 0 || (unsigned char)*text < ' ' || *text == 0x7F)
            zp_sink_add(sink, "?");
        else
            zp_sink_add(sink, "%s%.*s", *text == '"' || *text == '\\' ? "\\" : "", (int)length,
                        text);
        text += length > 0 ? length : 1;
    }
    zp_sink_add(sink, "\"");
}

static bool is_used(const struct zp_class_stats *class)
{
    return class->peak_bytes != 0;
}

// ---- JSON ------------------------------------------------------------------------------------

// The values whose family is of a type.
static void add_values(struct zp_sink *sink, const struct zp_pool_stats *stats,
                       enum zp_stat_type type)
{
    const struct zp_stat *family = NULL;
    const char *between = "";
    for (const struct zp_stat *stat = zp_stat_table; stat < zp_stat_table + zp_stat_count; stat++) {
        if (stat->kind == ZP_STAT_FAMILY)
            family = stat;
        if (stat->kind != ZP_STAT_VALUE || family == NULL || family->type != type)
            continue;
        zp_sink_add(sink, "%s\n    \"%s\": %llu", between, stat->name,
                    (number)zp_stat_value(stat, stats));
        between = ",";
    }
}

static void add_rates(struct zp_sink *sink, const struct zp_pool_stats *stats)
{
    struct zp_hit_rate rates[ZP_HIT_RATES];
    zp_hit_rates(&stats->counters, rates);
    for (unsigned i = 0; i < ZP_HIT_RATES; i++) {
        uint64_t rate = zp_thousandths(rates[i].part, rates[i].whole);
        zp_sink_add(sink, "%s\n    \"%s\": %llu.%03llu", i == 0 ? "" : ",", rates[i].name,
                    (number)rate / 1000, (number)rate % 1000);
    }
}

static void add_classes(struct zp_sink *sink, const struct zp_pool_stats *stats)
{
    const char *between = "";
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++) {
        if (!is_used(&stats->classes[i]))
            continue;
        zp_sink_add(sink, "%s\n    {\"bytes\": %llu", between, (number)zp_class_size(i));
        for (size_t s = 0; s < zp_stat_count; s++)
            if (zp_stat_table[s].kind == ZP_STAT_OF_CLASS)
                zp_sink_add(sink, ", \"%s\": %llu", zp_stat_table[s].name,
                            (number)zp_stat_value(&zp_stat_table[s], &stats->classes[i]));
        zp_sink_add(sink, "}");
        between = ",";
    }
}

void zp_format_json(struct zp_sink *sink, const struct zp_about *about)
{
    zp_sink_add(sink, "{\n  \"schema\": 1,\n  \"version\": ");
    add_quoted(sink, about->library);
    zp_sink_add(sink, ",\n  \"pid\": %d,\n  \"program\": ", (int)about->pid);
    add_quoted(sink, about->program);
    zp_sink_add(sink, ",\n  \"time_ms\": %llu,\n  \"state\": ", (number)about->time_ms);
    add_quoted(sink, about->status);
    zp_sink_add(sink, ",\n  \"counters\": {");
    add_values(sink, about->stats, ZP_STAT_COUNTER);
    zp_sink_add(sink, "\n  },\n  \"gauges\": {");
    add_values(sink, about->stats, ZP_STAT_GAUGE);
    zp_sink_add(sink, "\n  },\n  \"hit_rates\": {");
    add_rates(sink, about->stats);
    zp_sink_add(sink, "\n  },\n  \"classes\": [");
    add_classes(sink, about->stats);
    zp_sink_add(sink, "\n  ]\n}");
}

// ---- Prometheus ------------------------------------------------------------------------------

static void add_header(struct zp_sink *sink, const struct zp_stat *family)
{
    zp_sink_add(sink, "# HELP zeropool_%s %s\n# TYPE zeropool_%s %s\n", family->name, family->help,
                family->name, family->type == ZP_STAT_COUNTER ? "counter" : "gauge");
}

static void add_name(struct zp_sink *sink, const char *name, const struct zp_about *about)
{
    zp_sink_add(sink, "zeropool_%s{pid=\"%d\",program=", name, (int)about->pid);
    add_quoted(sink, about->program);
}

static void add_sample(struct zp_sink *sink, const struct zp_stat *family,
                       const struct zp_stat *stat, uint64_t value)
{
    zp_sink_add(sink, "%s%s} ", stat->labels[0] != '\0' ? "," : "", stat->labels);
    if (family->unit == ZP_STAT_MICROSECONDS)
        zp_sink_add(sink, "%llu.%06llu\n", (number)value / 1000000, (number)value % 1000000);
    else
        zp_sink_add(sink, "%llu\n", (number)value);
}

static void add_samples(struct zp_sink *sink, const struct zp_stat *family,
                        const struct zp_stat *stat, const struct zp_about *about)
{
    if (stat->kind == ZP_STAT_VALUE) {
        add_name(sink, family->name, about);
        add_sample(sink, family, stat, zp_stat_value(stat, about->stats));
        return;
    }
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++) {
        const struct zp_class_stats *class = &about->stats->classes[i];
        if (!is_used(class))
            continue;
        add_name(sink, family->name, about);
        zp_sink_add(sink, ",class=\"%llu\"", (number)zp_class_size(i));
        add_sample(sink, family, stat, zp_stat_value(stat, class));
    }
}

static void add_info(struct zp_sink *sink, const struct zp_about *about, size_t count)
{
    zp_sink_add(sink,
                "# HELP zeropool_info the library in a process\n# TYPE zeropool_info gauge\n");
    for (size_t i = 0; i < count; i++) {
        add_name(sink, "info", &about[i]);
        zp_sink_add(sink, ",version=");
        add_quoted(sink, about[i].library);
        zp_sink_add(sink, ",state=");
        add_quoted(sink, about[i].status);
        zp_sink_add(sink, "} 1\n");
    }
}

void zp_format_prometheus(struct zp_sink *sink, const struct zp_about *about, size_t count)
{
    const struct zp_stat *family = NULL;
    add_info(sink, about, count);
    for (const struct zp_stat *stat = zp_stat_table; stat < zp_stat_table + zp_stat_count; stat++) {
        if (stat->kind == ZP_STAT_FAMILY) {
            family = stat;
            add_header(sink, family);
        }
        for (size_t i = 0; i < count && family != NULL && stat != family; i++)
            add_samples(sink, family, stat, &about[i]);
    }
}

// ---- For people ------------------------------------------------------------------------------

static struct zp_text value_text(enum zp_stat_unit unit, uint64_t value)
{
    struct zp_text text;
    if (unit == ZP_STAT_BYTES)
        return zp_bytes_text(value);
    if (unit == ZP_STAT_MICROSECONDS)
        return zp_time_text(value);
    snprintf(text.is, sizeof(text.is), "%llu", (number)value);
    return text;
}

// Without what the unit says already: _total, _bytes, _seconds.
static size_t short_length(const char *name)
{
    static const char *const ends[] = {"_total", "_bytes", "_seconds"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);
        if (length > end && memcmp(name + length - end, ends[i], end) == 0)
            length -= end;
    }
    return length;
}

static void add_line(struct zp_sink *sink, const struct zp_stat *family,
                     const struct zp_pool_stats *stats)
{
    const char *between = "";
    for (const struct zp_stat *stat = family + 1;
         stat < zp_stat_table + zp_stat_count && stat->kind == ZP_STAT_VALUE; stat++) {
        uint64_t value = zp_stat_value(stat, stats);
        if (value == 0)
            continue;
        if (between[0] == '\0')
            zp_sink_add(sink, "    %-18.*s ", (int)short_length(family->name), family->name);
        int length;
        const char *label = zp_stat_label(stat, &length);
        zp_sink_add(sink, "%s%s%s%.*s", between, value_text(family->unit, value).is,
                    length > 0 ? " " : "", length, label);
        between = ", ";
    }
    if (between[0] != '\0')
        zp_sink_add(sink, "\n");
}

static void add_class_line(struct zp_sink *sink, unsigned size_class,
                           const struct zp_class_stats *class)
{
    zp_sink_add(sink, "    %-11s %5llu %6llu %6llu %7llu  %-10s %-10s %s\n",
                zp_bytes_text(zp_class_size(size_class)).is, (number) class->live,
                (number) class->cached, (number) class->pooled, (number) class->waiting,
                zp_bytes_text(class->asked_bytes).is, zp_bytes_text(class->live_bytes).is,
                zp_bytes_text(class->peak_bytes).is);
}

void zp_format_details(struct zp_sink *sink, const struct zp_pool_stats *stats)
{
    zp_sink_add(sink, "  in detail\n");
    for (size_t i = 0; i < zp_stat_count; i++)
        if (zp_stat_table[i].kind == ZP_STAT_FAMILY)
            add_line(sink, &zp_stat_table[i], stats);
    zp_sink_add(sink, "  buffers up to  live cached pooled waiting  asked      live       peak\n");
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++)
        if (is_used(&stats->classes[i]))
            add_class_line(sink, i, &stats->classes[i]);
}
